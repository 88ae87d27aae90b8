"""An affine requantisation with stream ports."""

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.affine import Affine
from slipstick.rtl_templates.arithmetic import delayed, field
from slipstick.rtl_templates.credits import ROUND_TRIP, Credits
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.stream import flat_stream


class AffineStage(wiring.Component):
    """`Affine` between two streams, one beat a cycle, stopped by back-pressure at its input.

    Parameters
    ----------
    affine : what to do with a beat.
    lanes, in_width, in_signed : format of the input stream.
    out_width : bits of an output field.

    Members
    -------
    i, o : streams of ``lanes`` fields.
    saturated : a beat was made in which a channel is cut off.

    Latency: that of the affine, 2 cycles of input registers, and the FIFO.
    """

    def __init__(
        self, affine: Affine, lanes: int, in_width: int, in_signed: bool, out_width: int
    ) -> None:
        self._affine = affine
        self._lanes = lanes
        self._in_width, self._in_signed = in_width, in_signed
        self._out_bits = lanes * out_width
        super().__init__(
            {
                "i": In(flat_stream(lanes * in_width)),
                "o": Out(flat_stream(self._out_bits)),
                "saturated": Out(1),
            }
        )

    def model(self, beats: np.ndarray) -> np.ndarray:
        """As `Affine.model`."""
        return self._affine.model(beats)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        affine = self._affine
        m.submodules.affine = affine
        depth = affine.latency + 2 + ROUND_TRIP
        m.submodules.credits = credits = Credits(depth)
        m.submodules.results = results = Fifo(self._out_bits, depth)
        wiring.connect(m, wiring.flipped(self.o), results.o)
        taken = Signal()
        data = Signal(self.i.payload.shape())
        m.d.comb += [
            self.i.ready.eq(credits.o_some),
            taken.eq(self.i.valid & self.i.ready),
            credits.i_take.eq(taken),
            credits.i_give.eq(results.o.valid & results.o.ready),
            data.eq(self.i.payload),
            affine.i_ahead.eq(taken),
        ]
        late = delayed(m, data, 2, "data")
        for lane in range(self._lanes):
            value = field(late, lane, self._in_width, self._in_signed)
            m.d.comb += affine.i_data.word_select(lane, affine.in_width).eq(value)
        made = delayed(m, taken, affine.latency + 2, "taken", reset_less=False)
        m.d.comb += [
            results.i.payload.eq(affine.o_data),
            results.i.valid.eq(made),
            self.saturated.eq(made & affine.o_saturated),
        ]
        return m
