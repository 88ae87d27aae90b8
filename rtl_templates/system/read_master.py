"""Reads frames from memory."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.system.axi import (
    ADDRESS_BITS,
    BURST_WORDS,
    DECERR,
    READ,
    SLVERR,
    attributes,
)
from slipstick.rtl_templates.system.burst_planner import BurstPlanner
from slipstick.rtl_templates.system.words import FRAME_WORDS, OFFSET_BITS


class ReadMaster(wiring.Component):
    """Reads the words in which frames lie, in bursts, as far ahead as its FIFO allows.

    A burst is asked for when the FIFO has room for all of it beyond what was asked for before.
    So `bus.rready` is always 1, and words that nobody wants any more are still taken.

    Parameters
    ----------
    frame_bytes : bytes of a frame.
    depth : words that the FIFO holds, at least one burst.

    Members
    -------
    i : byte address of each frame.
    bus : the read channels.
    o : the words of the frames.
    stop : ask for nothing more; a burst whose `bus.arvalid` is 1 stays asked for.
    idle : nothing is asked for that has not come.
    slverr, decerr : a word came with this error.
    burst, beat, frame_read : a burst was asked for, a word came, a frame's last word came.

    Latency: 3 cycles from an address to `bus.arvalid`, 2 from a word's coming to `o`. One burst
    and one word a cycle. Cost of 784-byte frames with Yosys 0.70: 155 LUT, 23 RAM64M, 230 FF.
    """

    def __init__(self, frame_bytes: int, depth: int = 64) -> None:
        if not isinstance(depth, int) or depth < BURST_WORDS:
            raise ValueError(f"Depth must be an integer of at least {BURST_WORDS}, not {depth!r}")
        self._planner, self._depth = BurstPlanner(frame_bytes), depth
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(ADDRESS_BITS))),
                "bus": Out(READ),
                "o": Out(FRAME_WORDS),
                "stop": In(1),
                "idle": Out(1),
                "slverr": Out(1),
                "decerr": Out(1),
                "burst": Out(1),
                "beat": Out(1),
                "frame_read": Out(1),
            }
        )

    def model(self, addresses: Sequence[int]) -> list[tuple[int, int]]:
        """Address and words of each burst for frames at ``addresses``."""
        return self._planner.model(addresses)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.planner = planner = self._planner
        # The offsets of the frames whose last word has not come: as many as can be under way.
        under_way = min(self._depth, self._depth // planner.words + 2)
        m.submodules.offsets = offsets = fifo.SyncFIFO(width=OFFSET_BITS, depth=under_way)
        m.d.comb += [
            planner.i.payload.eq(self.i.payload),
            planner.i.valid.eq(self.i.valid & offsets.w_rdy),
            self.i.ready.eq(planner.i.ready & offsets.w_rdy),
            offsets.w_data.eq(self.i.payload[:OFFSET_BITS]),
            offsets.w_en.eq(self.i.valid & planner.i.ready),
        ]
        self._ask(m)
        self._take(m, offsets)
        return m

    def _ask(self, m: Module) -> None:
        """Asks for the planner's bursts, and keeps account of the words."""
        plan, asks = self._planner.o, Signal()
        room = Signal(range(self._depth + 1), init=self._depth)
        owed = Signal(range(self._depth + 1))
        free = ~self.bus.arvalid | self.bus.arready
        length = plan.payload.length
        m.d.comb += [
            plan.ready.eq(free & (room >= length) & ~self.stop),
            asks.eq(plan.valid & plan.ready),
            self.idle.eq(owed == 0),
            self.burst.eq(self.bus.arvalid & self.bus.arready),
            [getattr(self.bus, name).eq(value) for name, value in attributes("ar").items()],
        ]
        asked = Mux(asks, length, 0)
        m.d.sync += [
            room.eq(room - asked + (self.o.valid & self.o.ready)),
            owed.eq(owed - self.beat + asked),
        ]
        with m.If(free):
            m.d.sync += [
                self.bus.arvalid.eq(asks),
                self.bus.araddr[OFFSET_BITS:].eq(plan.payload.word),
                self.bus.arlen.eq(length - 1),
            ]

    def _take(self, m: Module, offsets: fifo.SyncFIFO) -> None:
        """Marks the words that come and puts them into the FIFO."""
        offset = offsets.r_data
        place = Signal(range(self._planner.words + 1))
        first, last = Signal(), Signal()
        more = offset > self._planner.last_offset
        m.d.comb += [
            self.bus.rready.eq(1),
            self.beat.eq(self.bus.rvalid),
            self.slverr.eq(self.beat & (self.bus.rresp == SLVERR)),
            self.decerr.eq(self.beat & (self.bus.rresp == DECERR)),
            first.eq(place == 0),
            last.eq(place == Mux(more, self._planner.words, self._planner.words - 1)),
            self.frame_read.eq(self.beat & last),
            offsets.r_en.eq(self.frame_read),
        ]
        with m.If(self.beat):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
        self._store(m, Cat(self.bus.rdata, first, offset))

    def _store(self, m: Module, word: Value) -> None:
        m.submodules.words = words = Fifo(len(word), self._depth)
        m.d.comb += [
            words.i.payload.eq(word),
            words.i.valid.eq(self.beat),
            self.o.payload.eq(words.o.payload),
            self.o.valid.eq(words.o.valid),
            words.o.ready.eq(self.o.ready),
        ]
