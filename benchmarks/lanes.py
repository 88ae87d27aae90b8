"""What one lane costs: the templates beside naive forms and a multiplier, by Yosys.

Every design has terms of 8-bit ``x``, sums registered at each level, and nothing else; a figure
is the whole divided by its terms. First come lanes of 16 terms with their weights in registers,
then arrays of 16 outputs and 16 terms with the ROMs of as many steps as a folded layer has. Their
weights are drawn at random from all there are, which trained ones never are: these are the most
that such arrays can cost. Run it with

    python benchmarks/lanes.py
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.emit import to_rtlil, to_verilog
from slipstick.rtl_templates.arithmetic import Bounded, adder_tree, register
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.weight_rom import RomStyle

TERMS, WIDTH = 16, 8
STEPS = 64
"""Different weights of each lane, enough for every weight and exponent to occur."""


class FieldRegisters:
    """Weights that arrive in registers, in the place of `FieldRom`."""

    def __init__(self) -> None:
        self._fields: list[Signal] = []

    def field(
        self,
        table: Sequence[int] | np.ndarray,
        width: int,
        name: str,
        delay: int = 0,
        spare: int = 0,
    ) -> Value:
        """A register of ``width`` bits, a constant where `FieldRom` has one."""
        if len(set(table)) == 1:
            return Const(int(table[0]), max(width, 1))
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
    array.constants = lambda: FieldRegisters()  # type: ignore[method-assign]
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
            weight = weights.field((0, 1), self._weight_bits, f"weight_{term}")
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


class L1Held(L1Lanes):
    """The lanes of `L1Lanes` and their tree, without the sum of ``x`` that all outputs share."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants()
        m.d.comb += self.o_sums.eq(self._held(m, rom, 0, self._inputs(m, 0)).value)
        rom.attach(m, self.i_ahead)
        return m


def folded_l1(
    kind: type[L1Lanes], outputs: int, steps: int = STEPS, style: RomStyle | None = None
) -> LaneArray:
    """L1 lanes with every 8-bit weight possible in every lane."""
    weight = np.random.default_rng(0).integers(0, 256, (steps, outputs, 1, TERMS))
    weight[0] = 255
    return kind(LaneInput(1, TERMS, WIDTH, False, 0, 255), weight, style)


def folded_shift(
    outputs: int, exponents: int, steps: int = STEPS, style: RomStyle | None = None
) -> LaneArray:
    """`ShiftLanes` with all of ``exponents`` exponents, both signs and 0 in every lane."""
    rng = np.random.default_rng(0)
    shape = (steps, outputs, 1, TERMS, 1)
    exponent = rng.integers(0, exponents, shape)
    sign = rng.integers(-1, 2, shape)
    exponent[0], sign[0], exponent[1], sign[1], sign[2] = 0, -1, exponents - 1, 1, 0
    return ShiftLanes(LaneInput(1, TERMS, WIDTH, False, 0, 255), exponent, sign, style)


def l1_array(kind: type[L1Lanes], outputs: int) -> LaneArray:
    """The same with weights in registers."""
    return with_registers(folded_l1(kind, outputs))


def shift_array(outputs: int, exponents: int) -> LaneArray:
    """The same with weights in registers."""
    return with_registers(folded_shift(outputs, exponents))


ROWS = (
    Row("tree alone", lambda: Naive(only_sum, 1), TERMS),
    Row("L1: slipstick, lanes and their tree", lambda: l1_array(L1Held, 1), TERMS),
    Row("L1: slipstick, all of 1 output", lambda: l1_array(L1Lanes, 1), TERMS),
    Row(
        "L1: slipstick, all of 16 outputs",
        lambda: l1_array(L1Lanes, 16),
        16 * TERMS,
    ),
    Row("L1: compare and subtract", lambda: Naive(l1_by_absolute, WIDTH), TERMS),
    *(
        Row(f"shift, {n} exponents: slipstick", lambda n=n: shift_array(1, n), TERMS)
        for n in (2, 4, 8, 16)
    ),
    Row(
        "shift, 8 exponents: slipstick, 16 outputs",
        lambda: shift_array(16, 8),
        16 * TERMS,
    ),
    Row("shift, 8 exponents: barrel and negate", lambda: Naive(shift_by_barrel, 5), TERMS),
    Row("8x8 multiplier in LUTs", lambda: Naive(multiply, WIDTH), TERMS),
    *(
        Row(f"{name}, ROM of {steps} steps in {where}", build, 16 * TERMS)
        for style, where in (("lut", "LUTs"), ("block", "block RAM"))
        for steps in (8, 32, 64, 144, 512)
        for name, build in (
            ("L1, 16x16", lambda n=steps, style=style: folded_l1(L1Lanes, 16, n, style)),
            (
                "shift, 8 exponents, 16x16",
                lambda n=steps, style=style: folded_shift(16, 8, n, style),
            ),
        )
    ),
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


@dataclass(frozen=True)
class Cost:
    """LUTs with those that are RAM or shift registers, and the longest path in ps, without wires.

    All but the path are per lane.
    """

    lut: float
    sites: float
    ff: float
    bram36: float
    path_ps: int


def measure(row: Row) -> Cost:
    """Synthesises ``row`` by itself."""
    from slipstick.synth.cells import count_cells
    from slipstick.synth.sites import estimate_sites

    with tempfile.TemporaryDirectory() as work:
        files = to_verilog(to_rtlil(row.build(), "bench")[0], Path(work))
        commands = [
            *(f"read_verilog -sv {file.name}" for file in files),
            # No DSP slices here: the multiplier's row is about LUTs.
            SYNTHESISE,
            "tee -q -o sta.log sta",
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
        arrivals = re.findall(
            r"Latest arrival time in .* is (\d+):", (Path(work) / "sta.log").read_text()
        )
    cells = list(document["modules"]["bench"]["cells"].values())
    counts = count_cells(cell["type"] for cell in cells)
    return Cost(
        lut=(counts.lut + counts.lutram) / row.lanes,
        sites=(estimate_sites(cells) + counts.lutram) / row.lanes,
        ff=counts.ff / row.lanes,
        bram36=counts.bram36 / row.lanes,
        path_ps=max(map(int, arrivals)),
    )


def main() -> None:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps({row.name: asdict(measure(row)) for row in ROWS}, indent=1))
        return
    print(f"{'a lane of 8-bit x':54} {'LUT':>6} {'sites':>6} {'FF':>6} {'BRAM36':>7} {'ps':>6}")
    for row in ROWS:
        cost = measure(row)
        print(
            f"{row.name:54} {cost.lut:6.1f} {cost.sites:6.1f} {cost.ff:6.1f}"
            f" {cost.bram36:7.3f} {cost.path_ps:6}",
            flush=True,
        )


if __name__ == "__main__":
    main()
