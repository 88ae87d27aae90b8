"""Lanes that multiply by signed powers of two: a multiplexer, an exclusive-or, a tree."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.arithmetic import (
    Bounded,
    adder_tree,
    register,
    tree_latency,
)
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.weight_rom import FieldRom

FINE_BITS = 2
"""Low bits of an exponent that the first multiplexer decodes: 4 inputs + 2 selects, one LUT6."""


@dataclass(frozen=True)
class _Lane:
    """One lane: where it reads, and the weights it meets step by step."""

    tap: int
    channel: int
    exponent: np.ndarray
    negative: np.ndarray
    nonzero: np.ndarray

    @cached_property
    def lowest(self) -> int:
        """The smallest exponent; multiplexers shift by what others have more."""
        return int(self.exponent.min())

    @property
    def scale(self) -> int:
        """Exponent of the lane's own least significant bit."""
        return max(0, self.lowest)

    @property
    def cut(self) -> int:
        """Bits of the shifted value that are cut off: those below 1."""
        return max(0, -self.lowest)

    @cached_property
    def spread(self) -> int:
        """Largest shift the lane's multiplexers do."""
        return int(self.exponent.max()) - self.lowest

    def bits(self, source: LaneInput) -> int:
        """Bits of the lane's shifted value, at least 1."""
        return max(1, source.width + self.spread - self.cut)

    def bounds(self, source: LaneInput) -> tuple[int, int]:
        """Interval of the lane's term, inverted or not, at the lane's least significant bit."""
        if source.signed:
            lo, hi = (end << self.spread >> self.cut for end in (source.lo, source.hi))
            reach = max(-lo, hi + 1)
            return -reach, reach - 1
        if self.negative.any():
            return 0, (1 << self.bits(source)) - 1
        return 0, source.hi << self.spread >> self.cut


class ShiftLanes(LaneArray):
    """``sum[p] = sum over taps, channels, terms of u``, with ``u`` the one's complement product.

    ``u = floor(x * 2**exponent)``, inverted bit by bit where the weight is negative. The sum of
    the products is what the steps add up to plus `correction`: what inversion misses is a
    constant of the weights, and it is added where a bias is added anyway.

    Parameters
    ----------
    source : format of the words.
    exponent, sign : int64 ``(steps, P, taps, S, T)`` in the order of the steps. With
        ``blocks = lanes / S``, output ``p`` reads lanes ``[b*S, (b+1)*S)`` of a word, where
        ``b = p // (P / blocks)``.

    Latency: 1 cycle and the tree.
    """

    def __init__(self, source: LaneInput, exponent: np.ndarray, sign: np.ndarray) -> None:
        self.steps, outputs, *_ = exponent.shape
        self._rows = [_row(source, exponent[:, p], sign[:, p], p, outputs) for p in range(outputs)]
        self._levels = max(tree_latency(max(len(row), 1)) for row in self._rows)
        self.latency = 1 + self._levels
        bounds = [
            [tuple(end << lane.scale for end in lane.bounds(source)) for lane in row]
            for row in self._rows
        ]
        self.sum_lo = min(sum(lo for lo, _ in row) for row in bounds)
        self.sum_hi = max(sum(hi for _, hi in row) for row in bounds)
        super().__init__(source, outputs, shape_for(self.sum_lo, self.sum_hi).width)

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What the summed steps of each output lack, int64 ``(beats, P)``.

        ``starts`` are the steps with which output beats begin.

        A lane of ``n`` bits inverts an unsigned ``v`` to ``2**n - 1 - v``, a signed one to
        ``-1 - v``.
        """
        result = np.zeros((self.steps, len(self._rows)), np.int64)
        for p, row in enumerate(self._rows):
            for lane in row:
                wrap = 0 if self.source.signed else 1 << lane.bits(self.source)
                result[:, p] += lane.negative * ((1 - wrap) << lane.scale)
        return np.asarray(np.add.reduceat(result, starts, axis=0))

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to the sums ``(steps, P)``."""
        sums = np.zeros((len(words), self.outputs), np.int64)
        step = np.arange(len(words)) % self.steps
        for p, row in enumerate(self._rows):
            for lane in row:
                shifted = words[:, lane.tap, lane.channel] << lane.exponent[step] - lane.lowest
                shifted >>= lane.cut
                top = 0 if self.source.signed else 1 << lane.bits(self.source)
                value = np.where(lane.negative[step], top - 1 - shifted, shifted)
                sums[:, p] += np.where(lane.nonzero[step], value, 0) << lane.scale
        return sums

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants(self.steps)
        for p, row in enumerate(self._rows):
            terms = [
                self._term(m, rom, lane, f"{p}_{index}") for index, lane in enumerate(row)
            ] or [Bounded(Const(0), 0, 0)]
            total = adder_tree(m, terms, f"sum_{p}")
            for level in range(tree_latency(len(terms)), self._levels):
                total = register(m, total, f"sum_{p}_{level}")
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(total.value)
        rom.attach(m, self.i_ahead)
        return m

    def _term(self, m: Module, rom: FieldRom, lane: _Lane, name: str) -> Bounded:
        """The lane's term, one cycle after its word: fine shift, coarse shift, sign, mask."""
        x = self.source.value(self.i_words, lane.tap, lane.channel)
        bits = lane.spread.bit_length()
        amount = rom.field(lane.exponent - lane.lowest, bits, f"exponent_{name}")
        fine = min(lane.spread, (1 << FINE_BITS) - 1)
        term = _shift(x.value, amount[:FINE_BITS], fine, 1)
        if lane.spread > fine:
            term = _shift(term, amount[FINE_BITS:], lane.spread >> FINE_BITS, 1 << FINE_BITS)
        if lane.cut:
            term = term >> lane.cut
        lo, hi = lane.bounds(self.source)
        if lane.negative.any():
            negative = rom.field(lane.negative.astype(int), 1, f"negative_{name}")
            term = _invert(m, term, negative, lo, hi, name)
        if not lane.nonzero.all():
            # A 0 chosen by one bit: synthesis uses the register's synchronous reset.
            zero = rom.field((~lane.nonzero).astype(int), 1, f"zero_{name}")
            term = Mux(zero, 0, term)
        term = register(m, Bounded(term, lo, hi), f"term_{name}").value
        scale = lane.scale
        return Bounded(term << scale if scale else term, lo << scale, hi << scale)


def _row(
    source: LaneInput, exponent: np.ndarray, sign: np.ndarray, p: int, outputs: int
) -> list[_Lane]:
    """The lanes of output ``p`` that ever meet a weight that is not 0; arrays (steps, Q, S, T)."""
    channels = exponent.shape[2]
    first = p // (outputs // (source.lanes // channels)) * channels
    lanes = []
    for tap, channel, term in np.ndindex(*exponent.shape[1:]):
        signs = sign[:, tap, channel, term]
        nonzero = signs != 0
        if nonzero.any():
            exponents = exponent[:, tap, channel, term]
            # A zero weight takes the smallest exponent there is, so that it widens nothing.
            exponents = np.where(nonzero, exponents, exponents[nonzero].min())
            lanes.append(_Lane(tap, first + channel, exponents, signs < 0, nonzero))
    return lanes


def _invert(m: Module, value: Value, inverts: Value, lo: int, hi: int, name: str) -> Value:
    """``value`` in the format of ``[lo, hi]``, every bit inverted where ``inverts``."""
    shape = shape_for(lo, hi)
    padded = Signal(shape, name=f"shifted_{name}")
    m.d.comb += padded.eq(value)
    inverted = padded ^ inverts.replicate(shape.width)
    return inverted.as_signed() if shape.signed else inverted.as_unsigned()


def _shift(x: Value, amount: Value, most: int, unit: int) -> Value:
    """``x << amount * unit`` for an amount of at most ``most``, as a tree of multiplexers."""
    choices = [x << shift * unit if shift else x for shift in range(most + 1)]
    bit = 0
    while len(choices) > 1:
        pairs = [
            Mux(amount[bit], odd, even)
            for even, odd in zip(choices[::2], choices[1::2], strict=False)
        ]
        choices = pairs + choices[len(pairs) * 2 :]
        bit += 1
    return choices[0]
