"""What passes between the stages of a network, counted."""

from collections.abc import Iterator

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.rom import Rom
from slipstick.rtl_templates.row_ring import ram_style

WIDTH = 32
WORDS = 4
"""Words of a stage: beats, stalls, saturated beats, and one that is always 0."""
BEATS, STALLS, SATURATED = range(WORDS - 1)

TAPS = {
    3: (3, 2),
    4: (4, 3),
    5: (5, 3),
    6: (6, 5),
    7: (7, 6),
    8: (8, 6, 5, 4),
    9: (9, 5),
    10: (10, 7),
    11: (11, 9),
    12: (12, 6, 4, 1),
    13: (13, 4, 3, 1),
    14: (14, 5, 3, 1),
}
"""Bits, from 1, of a shift register whose parity runs it through all states but all ones.

Source: Xilinx XAPP 052.
"""
MAX_STAGES = ((1 << max(TAPS)) - 1) // WORDS


class StageCounters(wiring.Component):
    """Counts for every stage the beats it hands on, the cycles they wait, and saturated beats.

    Each counter is a prescaler of a few bits and a word of a memory that all share. A sweep goes
    round them, one a cycle, adds the prescaler to the word and sets it to 0; a word is read when
    the sweep passes it, so that it is exact. A prescaler is a shift register with feedback,
    which takes 1 or 2 LUTs where a binary counter takes one a bit; one table turns the states of
    all of them into numbers. Counters stop at all ones.

    Parameters
    ----------
    stages : stages counted.

    Members
    -------
    valid, ready : of the output stream of each stage.
    saturated : of each stage, high for one cycle a beat with a channel that was cut off.
    clear : all counters are 0 from the next cycle on; this cycle is not counted.
    index : of a word: 4 times the stage, and 0 for beats, 1 for waiting, 2 for saturated ones.
    request : high until ``acknowledge``, and low in the next cycle; ``index`` stands still.
    acknowledge, data : the word as it was in a cycle after the request, for one cycle.
    total_saturated : of all stages; it shows a beat after at most ``lag`` cycles.

    Latency: a request is answered within two rounds of ``4 * stages`` cycles if no ``clear``
    comes; each begins a new round.

    Cost with Yosys 0.70:

    ====== ===================================
    stages cost
    ====== ===================================
    1      68 LUT, 6 RAM32M, 161 FF
    6      187 LUT, 6 RAM32M, 254 FF
    52     1,334 LUT, 0.5 RAMB36, 1,395 FF
    ====== ===================================
    """

    def __init__(self, stages: int) -> None:
        if not isinstance(stages, int) or not 1 <= stages <= MAX_STAGES:
            raise ValueError(f"Stages must be an integer from 1 to {MAX_STAGES}, not {stages!r}")
        self._stages = stages
        self._round = WORDS * stages
        self._bits = self._round.bit_length()
        super().__init__(
            {
                "valid": In(stages),
                "ready": In(stages),
                "saturated": In(stages),
                "clear": In(1),
                "index": In(range(self._round)),
                "request": In(1),
                "acknowledge": Out(1),
                "data": Out(WIDTH),
                "total_saturated": Out(WIDTH),
            }
        )

    @property
    def lag(self) -> int:
        """Cycles until `total_saturated` shows a beat, at most."""
        return self._round + 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place, fresh = self._sweep(m)
        number = self._number(m, self._prescalers(m, place))
        here = self.request & (self.index == place) & ~self.acknowledge
        asks = self._unless_cleared(m, here, 3, "asks")
        saturates = self._unless_cleared(m, place[:2] == SATURATED, 3, "saturates")
        kept, word = self._memory(m, place, fresh)
        m.d.comb += self.data.eq(word)
        m.d.sync += [word.eq(_limited(number + kept)), self.acknowledge.eq(asks)]
        with m.If(saturates):
            m.d.sync += self.total_saturated.eq(_limited(number + self.total_saturated))
        with m.If(self.clear):
            m.d.sync += self.total_saturated.eq(0)
        return m

    def _memory(self, m: Module, place: Signal, fresh: Signal) -> tuple[Signal, Signal]:
        """The word of ``place``, 3 cycles later, and what it is set to in the next cycle."""
        m.submodules.memory = memory = Memory(
            shape=WIDTH,
            depth=self._round,
            init=[],
            attrs={"ram_style": ram_style(WIDTH, self._round)},
        )
        read, write = memory.read_port(), memory.write_port()
        kept = Signal(WIDTH, name="kept", reset_less=True)
        word = Signal(WIDTH, name="word", reset_less=True)
        reads = delayed(m, place, 1, "place")
        m.d.comb += [
            read.addr.eq(reads),
            read.en.eq(1),
            write.addr.eq(delayed(m, reads, 3, "reads")),
            write.data.eq(word),
            write.en.eq(1),
        ]
        m.d.sync += kept.eq(Mux(delayed(m, fresh, 2, "fresh"), 0, read.data))
        return kept, word

    def _sweep(self, m: Module) -> tuple[Signal, Signal]:
        """The word whose turn it is, and whether its old value counts for nothing.

        The memory keeps its contents over a reset and a `clear`, so that one round writes.
        """
        place, fresh = Signal(range(self._round), name="place"), Signal(init=1, name="fresh")
        at_end = place == self._round - 1
        m.d.sync += place.eq(Mux(at_end, 0, place + 1))
        with m.If(at_end):
            m.d.sync += fresh.eq(0)
        with m.If(self.clear):
            m.d.sync += [place.eq(0), fresh.eq(1)]
        return place, fresh

    def _prescalers(self, m: Module, place: Value) -> Value:
        """The state of the prescaler that begins anew, with the event it sees, a cycle later."""
        turn = Signal(self._bits, name="turn", reset_less=True)
        seen = Signal(name="seen", reset_less=True)
        prescalers = []
        for word, event in self._events():
            state = Signal(self._bits, name=f"state_{word}")
            prescalers.append((word, state, event))
            with m.If(event):
                m.d.sync += state.eq(_next(state))
            with m.If(self.clear | (place == word)):
                m.d.sync += state.eq(0)
        m.d.sync += [turn.eq(0), seen.eq(0)]
        with m.Switch(place):
            for word, state, event in prescalers:
                with m.Case(word):
                    m.d.sync += [turn.eq(state), seen.eq(event)]
        return Mux(seen, _next(turn), turn)

    def _events(self) -> Iterator[tuple[int, Value]]:
        for stage in range(self._stages):
            valid, ready = self.valid[stage], self.ready[stage]
            yield WORDS * stage + BEATS, valid & ready
            yield WORDS * stage + STALLS, valid & ~ready
            yield WORDS * stage + SATURATED, self.saturated[stage]

    def _number(self, m: Module, state: Value) -> Value:
        """What ``state`` stands for, 2 cycles later."""
        m.submodules.numbers = numbers = Rom(_numbers(self._bits), self._bits, "lut", 2)
        m.d.comb += numbers.addr.eq(state)
        return numbers.data

    def _unless_cleared(self, m: Module, flag: Value, cycles: int, name: str) -> Value:
        """``flag``, ``cycles`` cycles later; a `clear` makes the sweep forget what it began."""
        for cycle in range(cycles):
            after = Signal(name=f"{name}_{cycle}")
            m.d.sync += after.eq(flag & ~self.clear)
            flag = after
        return flag


def _limited(total: Value) -> Value:
    """``total``, or all ones if it has more bits than a word."""
    return Mux(total[WIDTH], (1 << WIDTH) - 1, total[:WIDTH])


def _next(state: Value) -> Value:
    """All zeros are a state, all ones are not: a 1 enters where an even number of taps is set."""
    return Cat(~Cat(state[tap - 1] for tap in TAPS[len(state)]).xor(), state[:-1])


def _numbers(bits: int) -> list[int]:
    """The number of steps from 0 to each state; 0 for all ones, which is none."""
    numbers, state = [0] * (1 << bits), 0
    for number in range((1 << bits) - 1):
        numbers[state] = number
        taps = sum(state >> (tap - 1) & 1 for tap in TAPS[bits])
        state = (state << 1 | (taps + 1) % 2) % (1 << bits)
    return numbers
