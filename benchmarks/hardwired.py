"""Whole layers whose weights are the circuit, one vector a cycle, beside naive forms and da4ml.

The power-of-two matrices have weights of both signs and 8 exponents and no zeros, the L1 matrices
weights of 8 bits; inputs have 8 bits. Sums of `HardwiredShift` and `HardwiredL1` are off by a
constant that a layer's bias takes back. `table.py` measures the rows.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from amaranth.hdl import Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from flow import Design, Row, component
from others import run

from slipstick.rtl_templates.arithmetic import Bounded, adder_tree, field, register, tree_latency
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.lanes import LaneArray, LaneInput

EXPONENTS, WIDTH, SUM_WIDTH = 8, 8, 32


def powers(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents and signs ``(inputs, outputs)``, int64; exponents from 0 downwards."""
    rng = np.random.default_rng(0)
    shape = (inputs, outputs)
    return -rng.integers(0, EXPONENTS, shape), rng.choice([-1, 1], shape)


def distances(inputs: int, outputs: int) -> np.ndarray:
    """L1 weights anywhere in an input's interval, int64 ``(inputs, outputs)``."""
    return np.random.default_rng(0).integers(0, 1 << WIDTH, (outputs, inputs)).T


def shift_layer(inputs: int, outputs: int, adders: int = 1) -> LaneArray:
    """Signed inputs; the exponents are raised until none is negative."""
    exponent, sign = (table.T[None, :, None, :, None] for table in powers(inputs, outputs))
    source = LaneInput(1, inputs, WIDTH, True, -128, 127)
    return HardwiredShift(source, exponent + EXPONENTS - 1, sign, adders)


def l1_layer(inputs: int, outputs: int) -> LaneArray:
    """Unsigned inputs."""
    weight = distances(inputs, outputs).T[None, :, None]
    return HardwiredL1(LaneInput(1, inputs, WIDTH, False, 0, 255), weight)


class NaiveLayer(wiring.Component):
    """Each output a tree of its own over ``term(x, input, output)``, registered at each level."""

    def __init__(
        self, inputs: int, outputs: int, term: Callable[[Value, int, int], Bounded]
    ) -> None:
        self._inputs, self._outputs, self._term = inputs, outputs, term
        self.latency = 1 + tree_latency(inputs)
        super().__init__({"i": In(inputs * WIDTH), "o": Out(outputs * SUM_WIDTH)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for p in range(self._outputs):
            terms = [
                register(m, self._term(self.i.word_select(k, WIDTH), k, p), f"term_{p}_{k}")
                for k in range(self._inputs)
            ]
            total = adder_tree(m, terms, f"sum_{p}")
            m.d.comb += self.o.word_select(p, SUM_WIDTH).eq(total.value)
        return m


def naive_shift_layer(inputs: int, outputs: int) -> NaiveLayer:
    """A shift is a wire; negative terms are negated."""
    exponent, sign = powers(inputs, outputs)

    def term(x: Value, k: int, p: int) -> Bounded:
        shift, ends = int(exponent[k, p]) + EXPONENTS - 1, (-128, 127)
        value = field(x, 0, WIDTH, True) << shift
        lo, hi = (end << shift for end in ends)
        return Bounded(-value, -hi, -lo) if sign[k, p] < 0 else Bounded(value, lo, hi)

    return NaiveLayer(inputs, outputs, term)


def naive_l1_layer(inputs: int, outputs: int) -> NaiveLayer:
    """``x < w ? w - x : x - w``."""
    weight = distances(inputs, outputs)

    def term(x: Value, k: int, p: int) -> Bounded:
        w = int(weight[k, p])
        return Bounded(Mux(x < w, w - x, x - w)[:WIDTH], 0, max(w, 255 - w))

    return NaiveLayer(inputs, outputs, term)


def da4ml(folder: Path, inputs: int, outputs: int, adders: int) -> Design:
    """The power-of-two matrix by da4ml, registered after every ``adders`` adders."""
    exponent, sign = powers(inputs, outputs)
    np.save(folder / "matrix.npy", sign * 2.0**exponent)
    cycles = run("da4ml", str(folder / "matrix.npy"), str(adders), str(folder))
    (folder / "matrix.npy").unlink()
    # The module of tables names a file that does not exist, and no table is used.
    files = [f for f in sorted(folder.rglob("*.v")) if f.stem != "lookup_table"]
    return Design(files, inputs * outputs, int(cycles))


def layer(
    name: str, build: Callable[[int, int], LaneArray | NaiveLayer], inputs: int, outputs: int
) -> Row:
    """A row of one of the layers above."""

    def write(folder: Path) -> Design:
        circuit = build(inputs, outputs)
        return component(circuit, folder, inputs * outputs, circuit.latency)

    return Row(name, write)


def shift_rows(inputs: int, outputs: int) -> tuple[Row, ...]:
    """A power-of-two matrix, ours and da4ml's."""
    stages = (1, "an adder a stage"), (2, "two adders a stage")
    return (
        *(
            layer(f"Slipstick, {stage}", partial(shift_layer, adders=adders), inputs, outputs)
            for adders, stage in stages
        ),
        *(
            Row(
                f"da4ml, {stage}",
                lambda folder, adders=adders: da4ml(folder, inputs, outputs, adders),
            )
            for adders, stage in stages
        ),
    )


SMALL, MATRIX, CONVOLUTION = (16, 16), (64, 64), (144, 16)
"""Inputs and outputs; the last is a convolution of 3x3 taps and 16 channels."""

SMALL_SHIFT = (*shift_rows(*SMALL), layer("naive, a tree an output", naive_shift_layer, *SMALL))
SMALL_L1 = (
    layer("Slipstick", l1_layer, *SMALL),
    layer("naive, a tree an output", naive_l1_layer, *SMALL),
)
MATRIX_SHIFT, CONVOLUTION_SHIFT = shift_rows(*MATRIX), shift_rows(*CONVOLUTION)
MATRIX_L1 = (layer("Slipstick", l1_layer, *MATRIX),)
