"""One stream, several readers."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream


class Fork(wiring.Component):
    """Gives every beat to each of ``outputs`` readers, each at its own time.

    A beat leaves the input when the last reader takes it. A reader that is ahead waits, so a
    slow one needs a FIFO.

    Parameters
    ----------
    bits : bits of a beat.
    outputs : readers, at least 2.

    Members
    -------
    i : the stream.
    o0, o1, ... : its copies.

    Latency: none; one beat a cycle. Cost: 2 FF and 5 LUT for two readers.
    """

    def __init__(self, bits: int, outputs: int) -> None:
        if not isinstance(outputs, int) or outputs < 2:
            raise ValueError(f"Outputs must be an integer of at least 2, not {outputs!r}")
        self._outputs = outputs
        ports = {f"o{index}": Out(flat_stream(bits)) for index in range(outputs)}
        super().__init__({"i": In(flat_stream(bits)), **ports})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        finished = []
        for index in range(self._outputs):
            port = getattr(self, f"o{index}")
            had = Signal(name=f"had_{index}")
            done = Signal(name=f"done_{index}")
            m.d.comb += [
                port.payload.eq(self.i.payload),
                port.valid.eq(self.i.valid & ~had),
                done.eq(had | (port.valid & port.ready)),
            ]
            with m.If(self.i.valid):
                m.d.sync += had.eq(done & ~self.i.ready)
            finished.append(done)
        m.d.comb += self.i.ready.eq(Cat(finished).all())
        return m
