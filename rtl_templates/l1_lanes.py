"""Lanes of the L1 distance: a difference that a carry sets to its end, and a tree."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.arithmetic import Bounded, register
from slipstick.rtl_templates.compressor import compressor_latency, compressor_tree
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.weight_rom import FieldRom, RomStyle

SPARE = 5
"""Inputs of a difference's LUTs that ``x`` leaves free."""


class L1Lanes(LaneArray):
    """``sum[p] = sum of x + 2 * sum of max(0, w - x)`` over taps and channels, and a constant.

    Since ``|x - w| = x - w + 2*max(0, w - x)``, the distance is this sum minus the sum of the
    weights, a constant that `correction` gives. The sum of ``x`` is one tree for all outputs.
    Lanes that carry no channel must have weight 0 and read 0.

    Both are counted from the lower end of the format, so that nothing is negative. A lane holds
    ``2**bits - 1 - max(0, w - x)``: that is ``x + ~w``, or all ones where that sum carries. The
    sum of those is inverted, which leaves a constant, too.

    Parameters
    ----------
    source : format of the words.
    weight : int64 ``(steps, P, taps, S)`` in the order of the steps, each within the format of
        a word's channel. Output ``p`` reads lanes as in `ShiftLanes`.
    style : what holds the weights.

    Latency: 2 cycles and the tree.
    """

    def __init__(
        self, source: LaneInput, weight: np.ndarray, style: RomStyle | None = None
    ) -> None:
        if weight.min() < source.lo or weight.max() > source.hi:
            raise ValueError(
                f"Weights must lie in [{source.lo}, {source.hi}], "
                f"not [{weight.min()}, {weight.max()}]"
            )
        self._base = 1 << (source.width - 1) if source.signed else 0
        self._lo, self._hi = source.lo + self._base, source.hi + self._base
        self._weight = weight + self._base
        steps, outputs, taps, channels = weight.shape
        self._channels = channels
        self._blocks = source.lanes // channels
        terms = taps * channels
        self._levels = compressor_latency(terms)
        self.latency = 2 + self._levels
        highest = self._weight.max(axis=0) - self._lo
        self._bits = np.array([int(bound).bit_length() for bound in highest.ravel()], np.int64)
        self._bits = self._bits.reshape(highest.shape)
        held = ((1 << self._bits) - 1).sum(axis=(1, 2))
        self._pad = np.array([2 * ((1 << int(bound).bit_length()) - 1 - bound) for bound in held])
        self.sum_lo = terms * self._lo + int(self._pad.min())
        self.sum_hi = terms * self._hi + int((2 * highest.sum(axis=(1, 2)) + self._pad).max())
        super().__init__(source, outputs, shape_for(self.sum_lo, self.sum_hi).width, steps, style)

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What to add to the *negated* summed steps for ``-sum |x - w|``, int64 ``(beats, P)``.

        ``starts`` are the steps with which output beats begin.
        """
        steps = self._weight.sum(axis=(2, 3)) + self._pad
        return np.asarray(np.add.reduceat(steps, starts, axis=0))

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to the sums ``(steps, P)``."""
        steps, outputs, taps, _ = self._weight.shape
        weight = self._weight[np.arange(len(words)) % steps]
        blocks = words.reshape(len(words), taps, self._blocks, self._channels) + self._base
        block = np.arange(outputs) // (outputs // self._blocks)
        x = blocks.transpose(0, 2, 1, 3)[:, block]
        return (x + 2 * np.maximum(0, weight - x)).sum(axis=(2, 3)) + self._pad

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants()
        inputs = [self._inputs(m, block) for block in range(self._blocks)]
        sums = [self._sum_of_inputs(m, block, rows) for block, rows in enumerate(inputs)]
        for p in range(self.outputs):
            block = p // (self.outputs // self._blocks)
            held = self._held(m, rom, p, inputs[block])
            x = sums[block]
            inverted = Signal(held.hi.bit_length() + 1, name=f"inverted_{p}")
            m.d.comb += inverted.eq(Cat(Const(0, 1), ~held.value))
            total = Bounded(x.value + inverted, self.sum_lo, self.sum_hi)
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(
                register(m, total, f"sum_{p}").value
            )
        rom.attach(m, self.i_ahead)
        return m

    def _inputs(self, m: Module, block: int) -> np.ndarray:
        """The block's channels ``(taps, S)`` as they lie in the words, but from 0."""
        rows = np.empty((self.source.taps, self._channels), object)
        for tap, channel in np.ndindex(*rows.shape):
            x = self.source.value(self.i_words, tap, block * self._channels + channel).value
            rows[tap, channel] = x.as_unsigned() ^ self._base if self._base else x
        return rows

    def _sum_of_inputs(self, m: Module, block: int, inputs: np.ndarray) -> Bounded:
        """Sum of the block's channels, in step with the trees of the differences."""
        rows = [
            register(m, Bounded(x, 0, self._hi), f"x_{block}_{index}")
            for index, x in enumerate(inputs.flat)
        ]
        return compressor_tree(m, rows, self.sum_width, f"inputs_{block}")

    def _held(self, m: Module, rom: FieldRom, p: int, inputs: np.ndarray) -> Bounded:
        """Sum of what the lanes of output ``p`` hold; 0 where none can exceed its input."""
        rows = [
            self._difference(m, rom, inputs[place], (p, *place))
            for place in np.ndindex(*inputs.shape)
            if self._bits[(p, *place)]
        ]
        total = compressor_tree(m, rows, self.sum_width, f"held_{p}")
        for level in range(compressor_latency(len(rows)), self._levels):
            total = register(m, total, f"held_{p}_{level}", (0, self.sum_width))
        return total

    def _difference(self, m: Module, rom: FieldRom, x: Value, place: tuple[int, ...]) -> Bounded:
        """``x - w - 1`` cut to the bits it needs, all of them ones where ``w < x``.

        Of a difference, unlike a sum, synthesis always has the LUTs take in the second operand,
        which is the one that comes out of LUTs.
        """
        name = "_".join(map(str, place))
        p, tap, channel = place
        table = self._weight[:, p, tap, channel]
        weight = rom.field(table, self.source.width, f"weight_{name}", spare=SPARE)
        difference = Signal(self.source.width + 2, name=f"difference_{name}")
        # The bits below take off the one; with the one above, the highest bit is the carry itself.
        m.d.comb += difference.eq(Cat(Const(0, 1), x, Const(1, 1)) - Cat(Const(1, 1), weight))
        bits = int(self._bits[place])
        ones = (1 << bits) - 1
        # One constant chosen by the carry: synthesis uses the register's synchronous set.
        held = Mux(difference[-1], ones, difference[1 : bits + 1])
        return register(m, Bounded(held, 0, ones), f"held_{name}")
