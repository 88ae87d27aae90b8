"""Lanes of the L1 distance: a difference whose negative half is reset away, and a tree."""

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal

from slipstick.rtl_templates.arithmetic import Bounded, adder_tree, register, tree_latency
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.weight_rom import FieldRom


class L1Lanes(LaneArray):
    """``sum[p] = sum of x + 2 * sum of max(0, w - x)`` over taps and channels.

    Since ``|x - w| = x - w + 2*max(0, w - x)``, the distance is this sum minus the sum of the
    weights, a constant that `correction` gives. The sum of ``x`` is one tree for all outputs.
    Lanes that carry no channel must have weight 0 and read 0.

    Parameters
    ----------
    source : format of the words.
    weight : int64 ``(steps, P, taps, S)`` in the order of the steps, each within the format of
        a word's channel. Output ``p`` reads lanes as in `ShiftLanes`.

    Latency: 2 cycles and the tree.
    """

    def __init__(self, source: LaneInput, weight: np.ndarray) -> None:
        if weight.min() < source.lo or weight.max() > source.hi:
            raise ValueError(
                f"Weights must lie in [{source.lo}, {source.hi}], "
                f"not [{weight.min()}, {weight.max()}]"
            )
        self._weight = weight
        _, outputs, taps, channels = weight.shape
        self._channels = channels
        self._blocks = source.lanes // channels
        self._levels = tree_latency(taps * channels)
        self.latency = 2 + self._levels
        terms = taps * channels
        excess = np.maximum(0, weight.max(axis=0) - source.lo).sum(axis=(1, 2)).max()
        self.sum_lo = terms * source.lo
        self.sum_hi = terms * source.hi + 2 * int(excess)
        super().__init__(source, outputs, shape_for(self.sum_lo, self.sum_hi).width)

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What to add to the *negated* summed steps for ``-sum |x - w|``, int64 ``(beats, P)``.

        ``starts`` are the steps with which output beats begin.
        """
        return np.asarray(np.add.reduceat(self._weight.sum(axis=(2, 3)), starts, axis=0))

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to the sums ``(steps, P)``."""
        steps, outputs, taps, _ = self._weight.shape
        weight = self._weight[np.arange(len(words)) % steps]
        blocks = words.reshape(len(words), taps, self._blocks, self._channels)
        block = np.arange(outputs) // (outputs // self._blocks)
        x = blocks.transpose(0, 2, 1, 3)[:, block]
        return (x + 2 * np.maximum(0, weight - x)).sum(axis=(2, 3))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants(len(self._weight))
        shared = [self._sum_of_inputs(m, block) for block in range(self._blocks)]
        for p in range(self.outputs):
            block = p // (self.outputs // self._blocks)
            excess = self._excess(m, rom, p, block)
            x = shared[block]
            total = Bounded(
                x.value + (excess.value << 1), x.lo + 2 * excess.lo, x.hi + 2 * excess.hi
            )
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(
                register(m, total, f"sum_{p}").value
            )
        rom.attach(m, self.i_ahead)
        return m

    def _places(self, block: int) -> list[tuple[int, int]]:
        first = block * self._channels
        return [
            (tap, first + channel)
            for tap in range(self.source.taps)
            for channel in range(self._channels)
        ]

    def _sum_of_inputs(self, m: Module, block: int) -> Bounded:
        """Sum of the block's channels, in step with the trees of the excesses."""
        terms = [
            register(m, self.source.value(self.i_words, *place), f"x_{block}_{index}")
            for index, place in enumerate(self._places(block))
        ]
        return adder_tree(m, terms, f"inputs_{block}")

    def _excess(self, m: Module, rom: FieldRom, p: int, block: int) -> Bounded:
        """Sum of ``max(0, w - x)`` over the lanes of output ``p``."""
        terms = self._excess_terms(m, rom, p, block) or [Bounded(Const(0), 0, 0)]
        total = adder_tree(m, terms, f"excess_{p}")
        for level in range(tree_latency(len(terms)), self._levels):
            total = register(m, total, f"excess_{p}_{level}")
        return total

    def _excess_terms(self, m: Module, rom: FieldRom, p: int, block: int) -> list[Bounded]:
        """The lanes of output ``p`` that can exceed their input, one cycle after the word."""
        terms = []
        mask = (1 << self.source.width) - 1
        for index, (tap, lane) in enumerate(self._places(block)):
            column = self._weight[:, p, tap, lane - block * self._channels]
            if column.max() <= self.source.lo:
                continue
            name = f"{p}_{index}"
            weight = rom.field([int(w) & mask for w in column], self.source.width, f"weight_{name}")
            weight = weight.as_signed() if self.source.signed else weight
            x = self.source.value(self.i_words, tap, lane).value
            difference = Signal(self.source.width + 2, name=f"difference_{name}")
            # Where w < x the sign bit resets the register: the mask costs no LUT.
            m.d.comb += difference.eq(weight - x)
            highest = int(column.max()) - self.source.lo
            bits = shape_for(0, highest).width
            terms.append(
                register(
                    m,
                    Bounded(Mux(difference[-1], 0, difference[:bits]), 0, highest),
                    f"excess_{name}",
                )
            )
        return terms
