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

Source: Xilinx XAPP 052, table 3.
"""


class StageCounters(wiring.Component):
    """Counts of every stage the beats it hands on, their waiting cycles, and saturated beats.

    Each counter is a few bits, and one memory holds the rest of all of them: a sweep goes round
    the counters, one a cycle, adds what the few bits have counted to the memory's word and sets
    them to 0. A word is read when the sweep passes it, so that it is exact. The few bits count
    with a shift register, which needs one LUT for the sum of its taps where a binary counter
    needs one for every bit; one table turns its states into numbers.

    Counters stop at all ones. The reset is that of the domain, and the same as ``clear``.

    Parameters
    ----------
    stages : stages counted.

    Members
    -------
    valid, ready : of each stage's output stream.
    saturated : of each stage, high for a cycle for each beat with a channel that was cut off.
    clear : all counters become 0, and count on from what happens in this cycle.
    index : the word wanted, ``4 * stage`` and 0 for beats, 1 for stalls, 2 for saturated.
    request : it is wanted; both stand still until ``acknowledge``, after which the request falls.
    acknowledge, data : the word as it was at a time since the request, in one cycle.
    total_saturated : of all stages, as it was `lag` cycles ago, or later.
    """

    def __init__(self, stages: int) -> None:
        if not isinstance(stages, int) or not 1 <= WORDS * stages < 1 << max(TAPS):
            raise ValueError(f"Stages must be an integer from 1 to 4095, not {stages!r}")
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
        """Cycles from a beat until every counter and the total show it."""
        return self._round + 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place, fresh = self._sweep(m)
        number = self._number(m, self._prescalers(m, place))
        asks = self._unless_cleared(m, self.request & (self.index == place), 2, "asks")
        saturates = self._unless_cleared(m, place[:2] == SATURATED, 2, "saturates")

        m.submodules.memory = memory = Memory(
            shape=WIDTH,
            depth=self._round,
            init=[],
            attrs={"ram_style": ram_style(WIDTH, self._round)},
        )
        read, write = memory.read_port(), memory.write_port()
        read_place = delayed(m, place, 1, "place")
        m.d.comb += [
            read.addr.eq(read_place),
            read.en.eq(1),
            write.addr.eq(delayed(m, read_place, 2, "read_place")),
            write.data.eq(self.data),
            write.en.eq(1),
        ]
        kept = Mux(delayed(m, fresh, 2, "fresh"), 0, read.data)
        m.d.sync += [
            self.data.eq(_limited(number + kept)),
            self.acknowledge.eq(asks & ~self.clear),
        ]
        with m.If(saturates):
            m.d.sync += self.total_saturated.eq(_limited(number + self.total_saturated))
        with m.If(self.clear):
            m.d.sync += self.total_saturated.eq(0)
        return m

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

    def _prescalers(self, m: Module, place: Value) -> Signal:
        """The state of the prescaler whose turn it is, which begins anew."""
        states = {}
        for word, event in self._events():
            states[word] = state = Signal(self._bits, name=f"state_{word}")
            with m.If(event):
                m.d.sync += state.eq(Cat(_parity(state), state[:-1]))
            with m.If(self.clear | (place == word)):
                m.d.sync += state.eq(event)
        turn = Signal(self._bits)
        with m.Switch(place):
            for word, state in states.items():
                with m.Case(word):
                    m.d.comb += turn.eq(state)
        return turn

    def _events(self) -> Iterator[tuple[int, Value]]:
        for stage in range(self._stages):
            valid, ready = self.valid[stage], self.ready[stage]
            yield WORDS * stage + BEATS, valid & ready
            yield WORDS * stage + STALLS, valid & ~ready
            yield WORDS * stage + SATURATED, self.saturated[stage]

    def _number(self, m: Module, state: Value) -> Value:
        """What a prescaler's ``state`` stands for, 2 cycles later."""
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


def _parity(state: Value) -> Value:
    """1 where an even number of taps is set: all zeros are a state, all ones are not."""
    return ~Cat(state[tap - 1] for tap in TAPS[len(state)]).xor()


def _numbers(bits: int) -> list[int]:
    """The number of steps from 0 to each state; 0 for all ones, which is none."""
    numbers, state = [0] * (1 << bits), 0
    for number in range((1 << bits) - 1):
        numbers[state] = number
        taps = sum(state >> (tap - 1) & 1 for tap in TAPS[bits])
        state = (state << 1 | (taps + 1) % 2) % (1 << bits)
    return numbers
