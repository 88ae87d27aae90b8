"""The gate: nothing that multiplies passes, neither in RTLIL nor after synthesis."""

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal

from slipstick.errors import SlipstickError
from slipstick.synth import Resources, Row, SynthesisResult, count_multipliers
from slipstick.synth import require_no_multipliers as require


def _rtlil(multiply: bool) -> str:
    a, b, o = Signal(8), Signal(8), Signal(16)
    module = Module()
    module.d.sync += o.eq(a * b if multiply else (a << 3) + b)
    return rtlil.convert(module, ports=[a, b, o])


def test_rtlil_of_amaranth() -> None:
    assert count_multipliers(_rtlil(multiply=True)) == {"$mul": 1}
    assert count_multipliers(_rtlil(multiply=False)) == {}


def test_every_kind_is_counted_and_names_are_not() -> None:
    text = "\n".join(
        f"  cell {kind} $1" for kind in ("$mul", "$mul", "$divfloor", "$modfloor", "$pow", "$add")
    )
    text += "\n  wire width 8 \\cell $mul\n  cell $mulberry $2\n"
    assert count_multipliers(text) == {"$divfloor": 1, "$modfloor": 1, "$mul": 2, "$pow": 1}


def _result(multipliers: int) -> SynthesisResult:
    rows = (
        Row("conv1", "net_conv1", "shift", Resources(lut=5), 900),
        Row("fc", "net_fc", "shift", Resources(lut=7, multipliers=multipliers), 1200),
    )
    return SynthesisResult("net", rows, {"lut": 1000}, {}, 1.0)


def test_result_without_multipliers_passes() -> None:
    require(_result(0))


def test_result_with_multipliers_names_the_instance() -> None:
    with pytest.raises(SlipstickError, match=r"Design 'net': has 3 multipliers, in 'fc' \(3\)"):
        require(_result(3))


def test_sums_and_shares() -> None:
    result = _result(0)
    assert (result.total.lut, result.path_ps) == (12, 1200)
    assert result.utilisation == {"lut": 0.012, "lut_sites": 0.0}
    assert {
        "lut",
        "lut_sites",
        "ff",
        "carry4",
        "bram36",
        "lutram",
        "dsp",
        "multipliers",
        "per_layer",
        "utilisation",
        "versions",
        "seconds",
    } <= set(result.to_json())
