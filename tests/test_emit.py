"""The Verilog that is written of a circuit."""

import pytest

from slipstick.emit.verilog import _REPEATED, _replicated


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (r"{ \a$1 [2], \a$1 [2], \a$1 [2], \$11 , y[3] }", r"{ {3{\a$1 [2]}}, \$11 , y[3] }"),
        ("{ x, x, xx, xx[1], xx[1] }", "{ {2{x}}, xx, {2{xx[1]}} }"),
        ("{ a[14], a[14], a }", "{ {2{a[14]}}, a }"),
        ("{ a, a[1], a, a, ba }", "{ a, a[1], {2{a}}, ba }"),
        ("{ a[3:2], a[3:2], ba, a }", "{ a[3:2], a[3:2], ba, a }"),
    ],
)
def test_bits_that_repeat_are_written_once(given, written):
    assert _REPEATED.sub(_replicated, given) == written
