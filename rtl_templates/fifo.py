"""A stream FIFO."""

from amaranth.hdl import Module
from amaranth.lib import fifo, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream


class Fifo(wiring.Component):
    """Holds up to ``depth`` beats of ``bits`` bits."""

    def __init__(self, bits: int, depth: int) -> None:
        if depth < 1:
            raise ValueError(f"Depth must be a positive integer, not {depth!r}")
        self._bits, self._depth = bits, depth
        super().__init__({"i": In(flat_stream(bits)), "o": Out(flat_stream(bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=self._bits, depth=self._depth)
        wiring.connect(m, wiring.flipped(self.i), queue.w_stream)
        wiring.connect(m, wiring.flipped(self.o), queue.r_stream)
        return m
