"""A stream FIFO."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import fifo, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.block_shapes import is_block
from slipstick.rtl_templates.stream import flat_stream


class Fifo(wiring.Component):
    """Holds up to ``depth`` beats; takes and gives one beat a cycle at the same time.

    Parameters
    ----------
    bits : bits of a beat.
    depth : beats held. 1 is a register, whose `i.ready` follows `o.ready` in the same cycle;
        every deeper FIFO cuts that path.

    Members
    -------
    i, o : streams.

    Latency: 1 cycle up to depth 2, else 2 cycles, or 3 where the memory is a block RAM, behind
    which a register comes, as what it reads is late.

    Cost of 128 bits with Yosys 0.70:

    ===== ======================================
    depth cost
    ===== ======================================
    1     1 LUT, 129 FF
    2     132 LUT, 258 FF
    3-33  8-26 LUT, 22 RAM32M, 145 FF
    65    17 LUT, 43 RAM64M, 148 FF
    256   39 LUT, 2 RAMB36, 154 FF
    ===== ======================================
    """

    def __init__(self, bits: int, depth: int) -> None:
        if not isinstance(depth, int) or depth < 1:
            raise ValueError(f"Depth must be a positive integer, not {depth!r}")
        self._bits, self._depth = bits, depth
        super().__init__({"i": In(flat_stream(bits)), "o": Out(flat_stream(bits))})

    @property
    def is_late(self) -> bool:
        """Whether a register comes behind the memory."""
        # Two beats lie in registers.
        return self._depth > 3 and is_block(self._bits, self._depth - 2)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._depth <= 2:
            self._registers(m)
            return m
        depth = self._depth - int(self.is_late)
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=self._bits, depth=depth)
        wiring.connect(m, wiring.flipped(self.i), queue.w_stream)
        last = queue.r_stream
        if self.is_late:
            m.submodules.last = register = Fifo(self._bits, 1)
            wiring.connect(m, last, register.i)
            last = register.o
        wiring.connect(m, wiring.flipped(self.o), last)
        return m

    def _registers(self, m: Module) -> None:
        """The library's FIFO of 1 or 2 would pass a beat only every other cycle."""
        moves, valid = Signal(), Signal()
        payload = Signal(self._bits, reset_less=True)
        m.d.comb += [
            moves.eq(~valid | self.o.ready),
            self.o.valid.eq(valid),
            self.o.payload.eq(payload),
        ]
        if self._depth == 1:
            m.d.comb += self.i.ready.eq(moves)
            with m.If(moves):
                m.d.sync += [valid.eq(self.i.valid), payload.eq(self.i.payload)]
            return
        waits = Signal()
        waiting = Signal(self._bits, reset_less=True)
        m.d.comb += self.i.ready.eq(~waits)
        with m.If(~waits):
            m.d.sync += waiting.eq(self.i.payload)
        with m.If(moves):
            m.d.sync += [
                valid.eq(waits | self.i.valid),
                payload.eq(Mux(waits, waiting, self.i.payload)),
                waits.eq(0),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += waits.eq(1)
