"""Lanes whose weights are signed powers of two and never change: wires and shared adders."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from amaranth.hdl import Cat, Module, Value

from slipstick.rtl_templates.adder_graph import Operand
from slipstick.rtl_templates.hardwired_sums import HardwiredSums, solve
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for


class _Input(NamedTuple):
    """A channel without its lowest ``cut`` bits."""

    tap: int
    lane: int
    cut: int

    def width(self, source: LaneInput) -> int:
        return max(1, source.width - self.cut)

    def offset(self, source: LaneInput) -> int:
        """What is added to a signed channel so that it is never negative."""
        return 1 << self.width(source) - 1 if source.signed else 0


class HardwiredShift(LaneArray):
    """``sum[p] = sum over taps, channels, terms of sign * floor(x * 2**exponent)`` and a constant.

    `ShiftLanes` for a single step, without multiplexers: a shift is a wire, a sign inverts an
    operand, and sums that several outputs need are formed once. All values are unsigned: a signed
    channel has its sign bit inverted, which together with what inverting operands misses is the
    constant that `correction` takes back.

    Parameters
    ----------
    source : format of the words.
    exponent, sign : int64 ``(1, P, taps, S, T)``, and which lanes an output reads, as in
        `ShiftLanes`.
    adders : one behind the other in a cycle.

    Latency: the levels of a balanced tree over one and a half times the longest row, divided by
    ``adders`` and rounded up.
    """

    def __init__(
        self, source: LaneInput, exponent: np.ndarray, sign: np.ndarray, adders: int = 1
    ) -> None:
        outputs, _, channels, _ = exponent.shape[1:]
        share = outputs // (source.lanes // channels)
        self._terms = [
            _terms(source, exponent[0, p], sign[0, p], p // share * channels)
            for p in range(outputs)
        ]
        self._inputs = sorted({place for terms in self._terms for place, *_ in terms})
        node = {place: index for index, place in enumerate(self._inputs)}
        highs = [(source.hi >> i.cut) + i.offset(source) for i in self._inputs]
        self._solved: HardwiredSums = solve(
            highs,
            [[Operand(node[place], shift, neg) for place, shift, neg in t] for t in self._terms],
        )
        self._adders = adders
        self.latency = self._solved.latency(adders)
        self.sum_lo, self.sum_hi = 0, self._solved.high
        super().__init__(source, outputs, shape_for(0, self.sum_hi).width)

    @cached_property
    def _constants(self) -> np.ndarray:
        """The sums where all channels are 0, int64 ``(P,)``."""
        return np.array(self._solved.evaluate([i.offset(self.source) for i in self._inputs]))

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What the sums lack, int64 ``(1, P)``."""
        return -self._constants[None]

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to the sums ``(steps, P)``."""
        sums = np.tile(self._constants, (len(words), 1))
        for p, terms in enumerate(self._terms):
            for place, shift, negative in terms:
                value = words[:, place.tap, place.lane] >> place.cut << shift
                sums[:, p] += -value if negative else value
        return sums

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inputs = [self._unsigned(place) for place in self._inputs]
        outputs = self._solved.build(m, inputs, self._adders)
        for p, value in enumerate(outputs):
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(value)
        return m

    def _unsigned(self, place: _Input) -> Value:
        source = self.source
        x = source.value(self.i_words, place.tap, place.lane).value.as_unsigned()
        bits = x[min(place.cut, source.width - 1) :]
        return Cat(bits[:-1], ~bits[-1]) if source.signed else bits


def _terms(
    source: LaneInput, exponent: np.ndarray, sign: np.ndarray, first: int
) -> list[tuple[_Input, int, bool]]:
    """The terms of an output that reads lanes from ``first`` on; arrays ``(taps, S, T)``."""
    terms = []
    for tap, channel in np.ndindex(*exponent.shape[:2]):
        weight = 0
        powers, signs = (table[tap, channel].tolist() for table in (exponent, sign))
        for power, s in zip(powers, signs, strict=True):
            if power >= 0:
                weight += s << power
            elif s and (source.signed or source.width > -power):
                terms.append((_Input(tap, first + channel, -power), 0, s < 0))
        place = _Input(tap, first + channel, 0)
        terms += [(place, shift, digit < 0) for shift, digit in signed_digits(weight)]
    return terms


def signed_digits(value: int) -> list[tuple[int, int]]:
    """``(shift, 1 or -1)`` of ``value``, no two of them neighbours: the fewest there are."""
    digits = []
    shift = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return digits
