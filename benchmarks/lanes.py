"""LUTs of one lane: the templates beside naive forms and a multiplier, in one Yosys run.

Every design has 16 terms of 8-bit ``x`` and weights in registers, a tree registered at each
level, and nothing else; the figure is the whole divided by its terms. Run it with

    python benchmarks/lanes.py
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.emit import to_rtlil, to_verilog
from slipstick.rtl_templates.arithmetic import Bounded, adder_tree, register
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.shift_lanes import ShiftLanes

TERMS, WIDTH = 16, 8
STEPS = 64
"""Different weights of each lane, enough for every weight and exponent to occur."""


class FieldRegisters:
    """Weights that arrive in registers, in the place of `FieldRom`."""

    def __init__(self) -> None:
        self._fields: list[Signal] = []

    def field(self, table: Sequence[int] | np.ndarray, width: int, name: str) -> Value:
        """A register of ``width`` bits."""
        signal = Signal(width, name=name)
        self._fields.append(signal)
        return signal

    def attach(self, m: Module, advance: Value) -> None:
        """Chains the registers, so that one pin loads them all and none is optimised away."""
        chain = advance
        for signal in self._fields:
            for bit in range(len(signal)):
                m.d.sync += signal[bit].eq(chain)
                chain = signal[bit]


def with_registers(array: LaneArray) -> LaneArray:
    """``array`` with its weights in registers instead of a ROM."""
    array.constants = lambda steps: FieldRegisters()  # type: ignore[method-assign]
    return array


class Naive(wiring.Component):
    """A plain sum of ``form(x, w)`` over the terms, for comparison."""

    def __init__(self, form: Callable[[Value, Value], Bounded], weight_bits: int) -> None:
        self._form, self._weight_bits = form, weight_bits
        super().__init__(
            {
                "i_words": In(TERMS * WIDTH),
                "i_ahead": In(1),
                "o_sum": Out(40),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        weights = FieldRegisters()
        terms = []
        for term in range(TERMS):
            x = self.i_words.word_select(term, WIDTH)
            weight = weights.field((), self._weight_bits, f"weight_{term}")
            terms.append(register(m, self._form(x, weight), f"term_{term}"))
        weights.attach(m, self.i_ahead)
        m.d.comb += self.o_sum.eq(adder_tree(m, terms, "sum").value)
        return m


def l1_by_absolute(x: Value, w: Value) -> Bounded:
    """``d < 0 ? -d : d``."""
    difference = Signal(signed(WIDTH + 1))
    return Bounded(Mux(x < w, w - x, x - w)[: len(difference) - 1], 0, 255)


def shift_by_barrel(x: Value, w: Value) -> Bounded:
    """``sign ? -(x << e) : x << e``, zero coded apart."""
    shifted = (x << w[:3])[: WIDTH + 7]
    return Bounded(Mux(w[4], 0, Mux(w[3], -shifted, shifted)), -(255 << 7), 255 << 7)


def multiply(x: Value, w: Value) -> Bounded:
    """The 8x8 multiplier that a lane replaces."""
    return Bounded(x * w.as_signed(), -255 * 128, 255 * 127)


def only_sum(x: Value, w: Value) -> Bounded:
    """The tree alone."""
    return Bounded(x, 0, 255)


@dataclass(frozen=True)
class Row:
    """A design and how many lanes it has."""

    name: str
    build: Callable[[], wiring.Component]
    lanes: int


class L1Excess(L1Lanes):
    """The lanes of `L1Lanes` and their tree, without the sum of ``x`` that all outputs share."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants(STEPS)
        m.d.comb += self.o_sums.eq(self._excess(m, rom, 0, 0).value)
        rom.attach(m, self.i_ahead)
        return m


def l1_array(kind: type[L1Lanes], outputs: int) -> LaneArray:
    """L1 lanes with every 8-bit weight possible in every lane."""
    weight = np.random.default_rng(0).integers(0, 256, (STEPS, outputs, TERMS, 1))
    weight[0] = 255
    return with_registers(kind(LaneInput(TERMS, 1, WIDTH, False, 0, 255), weight))


def shift_array(outputs: int, exponents: int) -> LaneArray:
    """`ShiftLanes` with all of ``exponents`` exponents, both signs and 0 in every lane."""
    rng = np.random.default_rng(0)
    shape = (STEPS, outputs, TERMS, 1, 1)
    exponent = rng.integers(0, exponents, shape)
    sign = rng.integers(-1, 2, shape)
    exponent[0], sign[0], exponent[1], sign[1], sign[2] = 0, -1, exponents - 1, 1, 0
    return with_registers(ShiftLanes(LaneInput(TERMS, 1, WIDTH, False, 0, 255), exponent, sign))


ROWS = (
    Row("tree alone", lambda: Naive(only_sum, 1), TERMS),
    Row("L1: slipstick, lanes and their tree", lambda: l1_array(L1Excess, 1), TERMS),
    Row("L1: slipstick, all of 1 output", lambda: l1_array(L1Lanes, 1), TERMS),
    Row("L1: slipstick, all of 16 outputs", lambda: l1_array(L1Lanes, 16), 16 * TERMS),
    Row("L1: compare and subtract", lambda: Naive(l1_by_absolute, WIDTH), TERMS),
    *(
        Row(f"shift, {n} exponents: slipstick", lambda n=n: shift_array(1, n), TERMS)
        for n in (2, 4, 8, 16)
    ),
    Row("shift, 8 exponents: slipstick, 16 outputs", lambda: shift_array(16, 8), 16 * TERMS),
    Row("shift, 8 exponents: barrel and negate", lambda: Naive(shift_by_barrel, 5), TERMS),
    Row("8x8 multiplier in LUTs", lambda: Naive(multiply, WIDTH), TERMS),
)

SYNTHESISE = (
    "synth_xilinx -family xc7 -top bench -flatten -noiopad -noclkbuf -nodsp -run begin:check"
)
YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""


def measure(row: Row) -> tuple[float, float, float]:
    """Raw LUTs, LUT sites and flip-flops a lane."""
    from slipstick.synth.cells import count_cells
    from slipstick.synth.sites import estimate_sites

    with tempfile.TemporaryDirectory() as work:
        files = to_verilog(to_rtlil(row.build(), "bench")[0], Path(work))
        commands = [
            *(f"read_verilog -sv {file.name}" for file in files),
            # No DSP slices here: the multiplier's row is about LUTs.
            SYNTHESISE,
            "select bench",
            "write_json -selected netlist.json",
        ]
        subprocess.run(
            [sys.executable, "-c", YOSYS, *commands],
            cwd=work,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        document = json.loads((Path(work) / "netlist.json").read_text())
    cells = list(document["modules"]["bench"]["cells"].values())
    counts = count_cells(cell["type"] for cell in cells)
    return (
        counts.lut / row.lanes,
        (estimate_sites(cells) + counts.lutram) / row.lanes,
        counts.ff / row.lanes,
    )


def main() -> None:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {
        row.name: dict(zip(("lut", "sites", "ff"), measure(row), strict=True)) for row in ROWS
    }
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    print(f"{'LUTs a lane, 8-bit x, 16 terms':48} {'raw':>6} {'sites':>6} {'FF':>6}")
    for name, result in results.items():
        print(f"{name:48} {result['lut']:6.1f} {result['sites']:6.1f} {result['ff']:6.1f}")


if __name__ == "__main__":
    main()
