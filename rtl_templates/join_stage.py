"""Two streams made one, requantised where the network says so."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.gate import GateStream
from slipstick.rtl_templates.join import AddStreams
from slipstick.rtl_templates.stream import flat_stream


class JoinStage(wiring.Component):
    """What two streams make, exactly, and what follows it.

    Parameters
    ----------
    join : the sum of both, or the gate of one by the other.
    affine : its requantisation, or None.

    Members
    -------
    i0, i1 : the streams, as ``join`` takes them.
    o : what becomes of them.
    saturated : a beat was made in which a channel is cut off.
    """

    def __init__(self, join: AddStreams | GateStream, affine: AffineStage | None) -> None:
        self._join, self._affine = join, affine
        last = affine or join
        super().__init__(
            {
                "i0": In(flat_stream(len(join.i0.payload))),
                "i1": In(flat_stream(len(join.i1.payload))),
                "o": Out(flat_stream(len(last.o.payload))),
                "saturated": Out(1),
            }
        )

    def model(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Beats of both streams, as ``join`` takes them, to the beats that leave."""
        joined = self._join.model(a, b)
        return self._affine.model(joined) if self._affine else joined

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.exact = join = self._join
        last: wiring.Component = join
        if self._affine is not None:
            m.submodules.affine = last = self._affine
        # Our own ports first: the first signal of a name keeps it in the Verilog.
        wiring.connect(m, wiring.flipped(self.o), last.o)
        wiring.connect(m, wiring.flipped(self.i0), join.i0)
        wiring.connect(m, wiring.flipped(self.i1), join.i1)
        if self._affine is not None:
            wiring.connect(m, join.o, self._affine.i)
            m.d.comb += self.saturated.eq(self._affine.saturated)
        return m
