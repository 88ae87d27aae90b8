"""The Verilog that is written of a circuit."""

import pytest

from slipstick.emit import to_rtlil, to_verilog
from slipstick.emit.verilog import _REPEATED, _replicated
from slipstick.rtl_templates.rom import Rom


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


def test_a_table_in_logic_keeps_its_border_and_has_no_bit_twice(tmp_path):
    # Bit 0 is always 1, bits 1 and 2 are equal, bit 3 differs from them.
    text, _ = to_rtlil(Rom([0b0001, 0b0111, 0b1001], 4, "lut", 1), "top")
    files = {file.stem: file.read_text() for file in to_verilog(text, tmp_path)}
    kept = [name for name, text in files.items() if text.startswith("(* keep_hierarchy")]
    assert kept == ["top_table"]
    assert "output [1:0] data" in files["top_table"]


def test_a_table_in_block_ram_is_mapped_with_the_rest(tmp_path):
    text, _ = to_rtlil(Rom(range(300), 9, "block", 2), "top")
    assert not any("keep_hierarchy" in file.read_text() for file in to_verilog(text, tmp_path))
