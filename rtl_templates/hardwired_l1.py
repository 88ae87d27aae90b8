"""Lanes of the L1 distance to weights that never change: minima and shared adders."""

from typing import NamedTuple

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.adder_graph import Operand
from slipstick.rtl_templates.arithmetic import Bounded, register
from slipstick.rtl_templates.hardwired_sums import solve
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for

COMPARED = 4
"""Bits that are compared at once. Two such results make one for twice the bits in one LUT, and all
weights of an input share them."""


class _Minimum(NamedTuple):
    """``min(x, weight)``, both counted from the lower end of the format."""

    tap: int
    lane: int
    weight: int


class HardwiredL1(LaneArray):
    """``sum[p] = 2 * sum of min(x, w) - sum of x`` over taps and channels, and a constant.

    Since ``-|x - w| = 2*min(x, w) - x - w``, the negated distance is this sum minus the weights,
    which `correction` takes off. A minimum is a comparison whose result sets or resets each bit of
    a register, so that only the comparison takes LUTs, and outputs that have the same weight at an
    input share it. A weight at the lower end of the interval costs nothing. The sum of ``x`` is
    formed once for all outputs that read the same lanes, as any sum that several outputs need.

    Parameters
    ----------
    source : format of the words.
    weight : int64 ``(1, P, taps, S)`` within the interval of a channel, and which lanes an output
        reads, as in `L1Lanes`.

    Latency: 1 cycle, and the levels of a balanced tree over one and a half times the longest row.
    """

    def __init__(self, source: LaneInput, weight: np.ndarray) -> None:
        if weight.min() < source.lo or weight.max() > source.hi:
            raise ValueError(
                f"Weights must lie in [{source.lo}, {source.hi}], "
                f"not [{weight.min()}, {weight.max()}]"
            )
        self._weight = weight[0]
        outputs, taps, channels = self._weight.shape
        self._channels, self._blocks = channels, source.lanes // channels
        self._share = outputs // self._blocks
        self._offset = 1 << source.width - 1 if source.signed else 0
        highest = source.hi + self._offset
        minima = [self._minima(p, source.lo) for p in range(outputs)]
        inputs = [
            [_Minimum(*place, highest) for place in self._places(taps, b * self._share)]
            for b in range(self._blocks)
        ]
        self._inputs = sorted({minimum for row in (*minima, *inputs) for minimum in row})
        node = {minimum: index for index, minimum in enumerate(self._inputs)}
        self._solved = solve(
            [minimum.weight for minimum in self._inputs],
            [[Operand(node[minimum], 1, False) for minimum in row] for row in minima],
            [[Operand(node[minimum], 0, False) for minimum in row] for row in inputs],
        )
        self.latency = 1 + self._solved.depth
        self.sum_lo, self.sum_hi = 0, self._solved.high
        at_zero = [min(minimum.weight, self._offset) for minimum in self._inputs]
        self._constants = np.array(self._solved.evaluate(at_zero))
        self._constants -= 2 * np.minimum(self._weight, 0).sum(axis=(1, 2))
        super().__init__(source, outputs, shape_for(0, self.sum_hi).width)

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What to add to the sums for ``-sum |x - w|``, int64 ``(1, P)``."""
        return -(self._constants + self._weight.sum(axis=(1, 2)))[None]

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to the sums ``(steps, P)``."""
        blocks = words.reshape(*words.shape[:2], self._blocks, self._channels)
        sums = [
            (2 * np.minimum(blocks[:, :, p // self._share], w) - blocks[:, :, p // self._share])
            for p, w in enumerate(self._weight)
        ]
        return np.stack(sums, axis=1).sum(axis=(2, 3)) + self._constants

    def _places(self, taps: int, p: int) -> list[tuple[int, int]]:
        """Taps and lanes that output ``p`` reads."""
        first = p // self._share * self._channels
        return [(tap, first + k) for tap in range(taps) for k in range(self._channels)]

    def _minima(self, p: int, lowest: int) -> list[_Minimum]:
        """The minima of output ``p`` that are not always the same."""
        weight = self._weight[p]
        places = self._places(weight.shape[0], p)
        return [
            _Minimum(*place, w + self._offset)
            for place, w in zip(places, weight.ravel().tolist(), strict=True)
            if w > lowest
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        comparisons = _Comparisons(m)
        inputs = [self._minimum(m, comparisons, minimum) for minimum in self._inputs]
        for p, value in enumerate(self._solved.build(m, inputs)):
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(value)
        return m

    def _minimum(self, m: Module, comparisons: "_Comparisons", minimum: _Minimum) -> Value:
        """``min(x, weight)``, one cycle after the word."""
        tap, lane, weight = minimum
        x = self.source.value(self.i_words, tap, lane).value.as_unsigned()
        if self.source.signed:
            x = Cat(x[:-1], ~x[-1])
        if weight < self.source.hi + self._offset:
            # A constant chosen by one bit: synthesis sets and resets the register's bits with it.
            x = Mux(comparisons.above(f"x_{tap}_{lane}", x, weight), weight, x)
        return register(m, Bounded(x, 0, weight), f"minimum_{tap}_{lane}_{weight}").value


class _Comparisons:
    """Comparisons to constants, each made once."""

    def __init__(self, m: Module) -> None:
        self._m = m
        self._known: dict[tuple[str, int], Signal] = {}

    def above(self, name: str, x: Value, constant: int) -> Value:
        """``x > constant``, for unsigned ``x`` that all calls with ``name`` share."""
        if constant < 0 or constant >= (1 << len(x)) - 1:
            return Const(int(constant < 0), 1)
        key = (name, constant)
        if key not in self._known:
            self._known[key] = result = Signal(name=f"{name}_above_{constant}")
            self._m.d.comb += result.eq(self._formed(name, x, constant))
        return self._known[key]

    def _formed(self, name: str, x: Value, constant: int) -> Value:
        if len(x) <= COMPARED:
            return x > constant
        low = len(x) // 2
        upper, rest = constant >> low, constant & (1 << low) - 1
        more = self.above(f"{name}_{low}", x[low:], upper)
        as_much = self.above(f"{name}_{low}", x[low:], upper - 1)
        return more | as_much & self.above(f"{name}_0", x[:low], rest)
