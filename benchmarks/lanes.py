"""What one lane costs: the templates beside naive forms and a multiplier, by Yosys.

Every design has terms of 8-bit ``x``, sums registered at each level, and nothing else; a figure
is the whole divided by its terms. First come lanes of 16 terms with their weights in registers,
then arrays of 16 outputs and 16 terms with the ROMs of as many steps as a folded layer has. Their
weights are drawn at random from all there are, which trained ones never are: these are the most
that such arrays can cost. `table.py` measures the rows.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from flow import Design, Row, component

from slipstick.rtl_templates.arithmetic import Bounded, adder_tree, register, tree_latency
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

    latency = 1 + tree_latency(TERMS)

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


def row(name: str, build: Callable[[], LaneArray | Naive], lanes: int) -> Row:
    """A design of ``lanes`` lanes."""

    def write(folder: Path) -> Design:
        circuit = build()
        return component(circuit, folder, lanes, circuit.latency)

    return Row(name, write)


ROWS = (
    row("tree alone", lambda: Naive(only_sum, 1), TERMS),
    row("L1: Slipstick, 1 output", lambda: l1_array(L1Lanes, 1), TERMS),
    row("L1: Slipstick, 1 output without the shared sum", lambda: l1_array(L1Held, 1), TERMS),
    row("L1: Slipstick, 16 outputs", lambda: l1_array(L1Lanes, 16), 16 * TERMS),
    row("L1: naive, compare and subtract", lambda: Naive(l1_by_absolute, WIDTH), TERMS),
    *(
        row(f"shift, {n} exponents: Slipstick, 1 output", lambda n=n: shift_array(1, n), TERMS)
        for n in (2, 4, 8, 16)
    ),
    row("shift, 8 exponents: Slipstick, 16 outputs", lambda: shift_array(16, 8), 16 * TERMS),
    row("shift, 8 exponents: naive, barrel and negate", lambda: Naive(shift_by_barrel, 5), TERMS),
    row("multiplier 8x8", lambda: Naive(multiply, WIDTH), TERMS),
)
"""Weights in registers."""

ROM_ROWS = tuple(
    row(f"{name}, {steps} steps", build, 16 * TERMS)
    for steps in (8, 32, 144, 512)
    for name, build in (
        ("L1: Slipstick", lambda n=steps: folded_l1(L1Lanes, 16, n)),
        ("shift, 8 exponents: Slipstick", lambda n=steps: folded_shift(16, 8, n)),
    )
)
"""Arrays of 16 outputs and 16 terms with the ROMs that the compiler would give them."""
