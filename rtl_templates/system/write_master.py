"""Writes results to memory."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.system.axi import (
    ADDRESS_BITS,
    BURST_WORDS,
    DECERR,
    SLVERR,
    WRITE,
    attributes,
)
from slipstick.rtl_templates.system.words import OFFSET_BITS, RESULT_WORDS

OUTSTANDING = 8
"""Bursts that may be asked for and not answered."""

_PLACE_BITS = BURST_WORDS.bit_length() - 1
_BURST = data.StructLayout(
    {"word": ADDRESS_BITS - OFFSET_BITS, "behind": _PLACE_BITS, "last": 1},
)
"""A burst: number of its first word in memory, words after it, whether it is a result's last."""


class WriteMaster(wiring.Component):
    """Writes results, each from an address of its own, in bursts that it holds whole.

    A burst ends at a multiple of 128 bytes or with its result. It is asked for when all its
    words lie in the FIFO, so `bus.wvalid` waits for nobody but the bus, and a burst that has
    been asked for can always be completed.

    Parameters
    ----------
    depth : words that the FIFO holds, at least one burst.

    Members
    -------
    i : the words of the results.
    commands : byte address of each result; its first word goes to the word that holds it.
    bus : the write channels. A burst's words are valid at the same time as its address.
    stop : ask for nothing more; a burst whose `bus.awvalid` is 1 is completed.
    idle : nothing is asked for that has not been written and answered.
    slverr, decerr : a burst was answered with this error.
    frame_written : a result's last burst was answered OKAY, and no burst before with an error.
    burst, beat : an address was taken, a word was taken.
    waiting : an address or a word waits for the bus to take it.

    Latency: 2 cycles from a burst's last word to `bus.awvalid`. One word a cycle, and one burst.
    Cost with Yosys 0.70: 106 LUT, 20 RAM32M, 182 FF.
    """

    def __init__(self, depth: int = 32) -> None:
        if not isinstance(depth, int) or depth < BURST_WORDS:
            raise ValueError(f"Depth must be an integer of at least {BURST_WORDS}, not {depth!r}")
        self._depth = depth
        super().__init__(
            {
                "i": In(RESULT_WORDS),
                "commands": In(stream.Signature(unsigned(ADDRESS_BITS))),
                "bus": Out(WRITE),
                "stop": In(1),
                "idle": Out(1),
                "slverr": Out(1),
                "decerr": Out(1),
                "frame_written": Out(1),
                "burst": Out(1),
                "beat": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word_bits = len(self.bus.wdata) + len(self.bus.wstrb) + 1
        m.submodules.words = words = Fifo(word_bits, self._depth)
        m.submodules.bursts = bursts = fifo.SyncFIFO(width=_BURST.size, depth=OUTSTANDING)
        m.submodules.asked = asked = fifo.SyncFIFO(width=1, depth=OUTSTANDING)
        self._collect(m, words, bursts)
        asks = self._ask(m, bursts, asked)
        self._write(m, words, asks, asked)
        self._answer(m, asked)
        return m

    def _collect(self, m: Module, words: Fifo, bursts: fifo.SyncFIFO) -> None:
        """Puts words into the FIFO and the bursts that they make into another."""
        has, moved, ends = Signal(), Signal(), Signal()
        block = Signal(ADDRESS_BITS - OFFSET_BITS - _PLACE_BITS, reset_less=True)
        start = Signal(_PLACE_BITS, reset_less=True)
        place = Signal(_PLACE_BITS, reset_less=True)
        last = self.i.payload.last
        burst = data.View(_BURST, bursts.w_data)
        m.d.comb += [
            self.i.ready.eq(has & words.i.ready & bursts.w_rdy),
            moved.eq(self.i.valid & self.i.ready),
            ends.eq(last | place.all()),
            words.i.payload.eq(Cat(self.i.payload.data, self.i.payload.strobe, ends)),
            words.i.valid.eq(moved),
            burst.word.eq(Cat(start, block)),
            burst.behind.eq(place - start),
            burst.last.eq(last),
            bursts.w_en.eq(moved & ends),
            self.commands.ready.eq(~has | (moved & last)),
        ]
        with m.If(moved):
            m.d.sync += place.eq(place + 1)
            with m.If(ends):
                m.d.sync += [start.eq(0), block.eq(block + 1)]
        with m.If(self.commands.ready):
            address = self.commands.payload[OFFSET_BITS:]
            m.d.sync += [
                has.eq(self.commands.valid),
                block.eq(address[_PLACE_BITS:]),
                start.eq(address[:_PLACE_BITS]),
                place.eq(address[:_PLACE_BITS]),
            ]

    def _ask(self, m: Module, bursts: fifo.SyncFIFO, asked: fifo.SyncFIFO) -> Signal:
        """Asks for whole bursts; whether one is asked for in this cycle."""
        asks = Signal()
        burst = data.View(_BURST, bursts.r_data)
        free = ~self.bus.awvalid | self.bus.awready
        m.d.comb += [
            asks.eq(bursts.r_rdy & free & asked.w_rdy & ~self.stop),
            bursts.r_en.eq(asks),
            asked.w_en.eq(asks),
            asked.w_data.eq(burst.last),
            self.burst.eq(self.bus.awvalid & self.bus.awready),
            [getattr(self.bus, name).eq(value) for name, value in attributes("aw").items()],
        ]
        with m.If(free):
            m.d.sync += [
                self.bus.awvalid.eq(asks),
                self.bus.awaddr[OFFSET_BITS:].eq(burst.word),
                self.bus.awlen.eq(burst.behind),
            ]
        return asks

    def _write(self, m: Module, words: Fifo, asks: Signal, asked: fifo.SyncFIFO) -> None:
        """Gives the words of the bursts that are asked for."""
        open_bursts = Signal(range(OUTSTANDING + 1))
        m.d.comb += [
            Cat(self.bus.wdata, self.bus.wstrb, self.bus.wlast).eq(words.o.payload),
            self.bus.wvalid.eq(words.o.valid & (open_bursts != 0)),
            words.o.ready.eq(self.bus.wready & (open_bursts != 0)),
            self.beat.eq(self.bus.wvalid & self.bus.wready),
            self.waiting.eq(
                (self.bus.awvalid & ~self.bus.awready) | (self.bus.wvalid & ~self.bus.wready)
            ),
            self.idle.eq(~self.bus.awvalid & (open_bursts == 0) & (asked.level == 0)),
        ]
        m.d.sync += open_bursts.eq(open_bursts + asks - (self.beat & self.bus.wlast))

    def _answer(self, m: Module, asked: fifo.SyncFIFO) -> None:
        """Takes the answers, which come in order."""
        failed = Signal()
        answered, response = self.bus.bvalid, self.bus.bresp
        error = self.slverr | self.decerr
        m.d.comb += [
            self.bus.bready.eq(1),
            asked.r_en.eq(answered),
            self.slverr.eq(answered & (response == SLVERR)),
            self.decerr.eq(answered & (response == DECERR)),
            self.frame_written.eq(answered & ~error & asked.r_data & ~failed),
        ]
        with m.If(error):
            m.d.sync += failed.eq(1)
