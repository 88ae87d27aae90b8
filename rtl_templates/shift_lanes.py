"""Lanes that multiply by signed powers of two: multiplexers inside chains of adders."""

from collections.abc import Set
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value

from slipstick.rtl_templates.arithmetic import Bounded, plus, register
from slipstick.rtl_templates.compressor import compressor_latency, compressor_tree
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.shift_chain import ShiftChain
from slipstick.rtl_templates.shift_lane import ShiftLane
from slipstick.rtl_templates.weight_rom import FieldRom, RomStyle

LONGEST_CHAIN = 16
"""Lanes of a chain. Words reach a lane late, by shift registers of one LUT a bit."""

UNSHARED_CHAIN = 3
"""The same where a word has a single reader: as far as registers do without such LUTs."""


class ShiftLanes(LaneArray):
    """``sum[p] = sum over taps, channels, terms of u``, with ``u`` almost the product.

    ``u = floor(x * 2**exponent)``, inverted bit by bit where the weight is negative; ``x`` counts
    from the lowest number of its format. The sum of the products is what the steps add up to plus
    `correction`: what this misses is a constant of the weights, and it is added where a bias is
    added anyway. With a ``bias``, that is here: then the sums are the products' and the bias, and
    nothing is missing.

    The lanes of an output form chains. Each lane adds its term to the sum of those before it,
    a cycle later than they did. So one operand of every adder is a register, and the LUTs that
    take it in have five more inputs with which to choose the other operand.

    Parameters
    ----------
    source : format of the words.
    exponent, sign : int64 ``(steps, P, taps, S, T)`` in the order of the steps. With
        ``blocks = lanes / S``, output ``p`` reads lanes ``[b*S, (b+1)*S)`` of a word, where
        ``b = p // (P / blocks)``.
    style : what holds the weights.
    bias : int64 ``(steps, P)``, added to every step's sums.

    Latency: 1 cycle, the lanes of a chain, and the tree that adds the chains.
    """

    def __init__(
        self,
        source: LaneInput,
        exponent: np.ndarray,
        sign: np.ndarray,
        style: RomStyle | None = None,
        bias: np.ndarray | None = None,
    ) -> None:
        steps, outputs, taps, channels, terms = exponent.shape
        readers = outputs * channels // source.lanes
        lanes = taps * channels * terms
        self._chains = -(-lanes // (LONGEST_CHAIN if readers > 1 else UNSHARED_CHAIN))
        self._length = -(-lanes // self._chains)
        # Chains that are shorter begin later.
        place = self._length * self._chains - lanes
        self._rows = [
            _row(source, exponent[:, p], sign[:, p], p // readers * channels, place)
            for p in range(outputs)
        ]
        self._levels = compressor_latency(self._chains)
        self.latency = 1 + self._length + self._levels
        missing, lo, hi = np.zeros((3, steps, outputs), np.int64)
        for p, row in enumerate(self._rows):
            for lane in row.values():
                missing[:, p] += lane.missing << lane.scale
                lo[:, p] += lane.bounds[0] << lane.scale
                hi[:, p] += lane.bounds[1] << lane.scale
        self._added = np.zeros_like(missing) if bias is None else bias + missing
        self._missing = missing if bias is None else np.zeros_like(missing)
        self.sum_lo, self.sum_hi = int((lo + self._added).min()), int((hi + self._added).max())
        width = shape_for(self.sum_lo, self.sum_hi).width
        super().__init__(source, outputs, width, steps, style)
        self.chains = [self._chains_of(p) for p in range(outputs)]

    def correction(self, starts: np.ndarray) -> np.ndarray:
        """What the summed steps of each output lack, int64 ``(beats, P)``.

        ``starts`` are the steps with which output beats begin.
        """
        return np.asarray(np.add.reduceat(self._missing, starts, axis=0))

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers, whole rounds of steps, to the sums ``(steps, P)``."""
        rounds = words.reshape(-1, self._steps, *words.shape[1:])
        sums = np.repeat(self._added[None], len(rounds), axis=0)
        for p, row in enumerate(self._rows):
            for lane in row.values():
                sums[:, :, p] += lane.term(rounds[:, :, lane.tap, lane.channel]) << lane.scale
        return sums.reshape(-1, self.outputs)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rom = self.constants()
        words = _Words(m, self.source, self.i_words, self.added)
        for p in range(self.outputs):
            total = self._sum(m, rom, words, p)
            m.d.comb += self.o_sums.word_select(p, self.sum_width).eq(total.value)
        rom.attach(m, self.i_ahead)
        return m

    @cached_property
    def added(self) -> frozenset[tuple[int, int, int]]:
        """Tap, channel and cycles ago of the words that adders read: those of late lanes."""
        return frozenset(
            (lane.tap, lane.channel, place // self._chains + 1)
            for row in self._rows
            for place, lane in row.items()
            if lane.is_late
        )

    def _chains_of(self, p: int) -> list[ShiftChain]:
        """The chains of output ``p``; the first begins with what is added to every step's sum."""
        row, count = self._rows[p], self._chains
        found = [
            {place // count: row[place] for place in row if place % count == chain}
            for chain in range(count)
        ]
        groups = [lanes for lanes in found if lanes]
        if not groups:
            return []
        added = self._added[:, p] & (1 << self.sum_width) - 1
        starts = [added if added.any() else None] + [None] * (len(groups) - 1)
        return [
            ShiftChain(lanes, start, self.sum_width)
            for lanes, start in zip(groups, starts, strict=True)
        ]

    def _sum(self, m: Module, rom: FieldRom, words: "_Words", p: int) -> Bounded:
        """Sum of the lanes of output ``p``, modulo its format."""
        chains = self.chains[p]
        if not chains:
            return self._start(rom, self._added[:, p], str(p), self.latency)
        sums = [
            self._chain(m, rom, words, chain, f"{p}_{index}") for index, chain in enumerate(chains)
        ]
        total = compressor_tree(m, sums, self.sum_width, f"sum_{p}")
        for level in range(compressor_latency(len(sums)), self._levels):
            total = register(m, total, f"sum_{p}_{level}", (0, self.sum_width))
        return total

    def _start(self, rom: FieldRom, table: np.ndarray, name: str, delay: int) -> Bounded:
        """``table``, modulo the sums' format."""
        table = table & (1 << self.sum_width) - 1
        value = rom.field(table, self.sum_width, f"start_{name}", delay)
        return Bounded(value, 0, int(table.max()))

    def _chain(
        self, m: Module, rom: FieldRom, words: "_Words", chain: ShiftChain, name: str
    ) -> Bounded:
        """The sum of ``chain``, when the last of its lanes could have been added."""
        total = Bounded(Const(0), 0, 0)
        if chain.start is not None:
            total = self._start(rom, chain.start, name, chain.first + 1)
        for late in range(chain.first, self._length):
            passed = total.hi.bit_length()
            if late in chain.lanes:
                lane, highest = chain.lanes[late], chain.highest[late]
                adds = chain.adds(late)
                term = self._term(m, rom, words, lane, late, f"{name}_{late}", adds)
                if adds:
                    passed = lane.scale
                    low, high = total.value[:passed], total.value[passed:]
                    upper = plus(high, term, highest.bit_length() - passed)
                    value = Cat(low, Const(0, passed - len(low)), upper)
                else:
                    passed = highest.bit_length() if lane.is_wire else lane.scale
                    value = Cat(Const(0, lane.scale), term)
                total = Bounded(value, 0, highest)
            # What the next adder does not take in either may wait in a shift register.
            ends = late == self._length - 1
            following = chain.lanes.get(late + 1)
            waits = 0 if ends else following.scale if following else passed
            total = register(m, total, f"chain_{name}_{late}", (waits, passed))
        return total

    def _term(
        self,
        m: Module,
        rom: FieldRom,
        words: "_Words",
        lane: ShiftLane,
        late: int,
        name: str,
        added: bool,
    ) -> Value:
        """The lane's term, ``late`` cycles and one after its word, for an adder or a register."""
        if lane.is_late:
            y = words.late(lane.tap, lane.channel, late + 1)
        else:
            x = words.late(lane.tap, lane.channel, late)
            early = lane.early(m, rom, x, name, late)
            y = Signal(early.shape(), name=f"early_{name}", reset_less=True)
            m.d.sync += y.eq(early)
        return lane.late(rom, y, name, late + 1, added)


class _Words:
    """The channels of the words, now and some cycles ago.

    A shift register has no reset and is slow: what is ``added`` comes from a flip-flop.
    """

    def __init__(
        self, m: Module, source: LaneInput, words: Value, added: Set[tuple[int, int, int]]
    ) -> None:
        self._m, self._source, self._words, self._added = m, source, words, added
        self._late: dict[tuple[int, int], list[Value]] = {}

    def late(self, tap: int, channel: int, cycles: int) -> Value:
        """Channel ``channel`` of word ``tap``, ``cycles`` ago."""
        now = self._source.value(self._words, tap, channel).value
        late = self._late.setdefault((tap, channel), [now])
        while len(late) <= cycles:
            added = (tap, channel, len(late)) in self._added
            name = f"x_{tap}_{channel}_{len(late)}"
            signal = Signal(now.shape(), name=name, reset_less=not added)
            self._m.d.sync += signal.eq(late[-1])
            late.append(signal)
        return late[cycles]


def _row(
    source: LaneInput, exponent: np.ndarray, sign: np.ndarray, channel: int, place: int
) -> dict[int, ShiftLane]:
    """The lanes of one output that ever meet a weight that is not 0; arrays (steps, Q, S, T).

    They read the words from ``channel`` on and have places from ``place`` on. The terms of a
    channel lie side by side, mostly in chains that need it in the same cycle.
    """
    lanes = {}
    for index, (tap, s, term) in enumerate(np.ndindex(*exponent.shape[1:])):
        signs = sign[:, tap, s, term]
        if signs.any():
            exponents = exponent[:, tap, s, term]
            lane = ShiftLane(source, tap, channel + s, exponents, signs < 0, signs != 0)
            lanes[place + index] = lane
    return lanes
