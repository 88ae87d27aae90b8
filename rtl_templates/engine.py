"""The engine of every layer with a window: reader, lanes, accumulators, affine."""

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine
from slipstick.rtl_templates.arithmetic import delayed, field
from slipstick.rtl_templates.credits import ROUND_TRIP, Credits
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.lanes import LaneArray
from slipstick.rtl_templates.row_ring import RowRing
from slipstick.rtl_templates.stream import flat_stream


class Engine(wiring.Component):
    """A convolution, a linear layer or a pool.

    The reader starts one step a cycle while rows and credits last; everything behind it runs
    free. Initiation interval: ``reader.walk.cycles``.

    Parameters
    ----------
    reader : stores the input and says what each step reads.
    lanes : what a step computes.
    accumulate : how steps become an output beat.
    affine : what follows, or None where the totals are the output.
    out_width : bits of an output field.

    Members
    -------
    i : stream of input pixels.
    o : stream of output pixels, ``lanes.outputs`` fields a beat.
    saturated : a beat was made in which a channel is cut off.
    """

    def __init__(
        self,
        reader: RowRing,
        lanes: LaneArray,
        accumulate: Accumulate,
        affine: Affine | None,
        out_width: int,
    ) -> None:
        self._reader = reader
        self._lanes = lanes
        self._accumulate, self._affine = accumulate, affine
        self._out_width = out_width
        super().__init__(
            {
                "i": In(flat_stream(len(reader.i.payload))),
                "o": Out(flat_stream(lanes.outputs * out_width)),
                "saturated": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the last step of an output beat to the result FIFO."""
        behind = self._affine.latency if self._affine else 0
        return RowRing.LATENCY + self._lanes.latency + Accumulate.LATENCY + behind

    def model(self, frames: np.ndarray) -> np.ndarray:
        """Input words as integers ``(N, H*W*words, lanes)`` to outputs ``(N, beats, P)``."""
        walk = self._reader.walk
        results = []
        for frame in frames:
            sums = self._lanes.model(self._reader.gather(frame))
            pixels = np.arange(0, len(sums), len(walk.kept))
            starts = (pixels[:, None] + walk.beat_starts).ravel()
            totals = self._accumulate.model(sums, starts)
            results.append(self._affine.model(totals) if self._affine else totals)
        return np.stack(results)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        reader, lanes, accumulate = self._reader, self._lanes, self._accumulate
        m.submodules.reader, m.submodules.lanes = reader, lanes
        m.submodules.accumulate = accumulate
        wiring.connect(m, reader.i, wiring.flipped(self.i))
        m.d.comb += [
            lanes.i_words.eq(reader.o_words),
            lanes.i_ahead.eq(reader.o_ahead),
            accumulate.i_sums.eq(lanes.o_sums),
        ]
        flags = {name: Signal(name=name) for name in ("step_valid", "step_first", "step_last")}
        m.d.comb += [
            flags["step_valid"].eq(reader.o_valid),
            flags["step_first"].eq(reader.o_first),
            flags["step_last"].eq(reader.o_last),
        ]
        m.d.comb += [
            accumulate.i_valid.eq(
                delayed(m, flags["step_valid"], lanes.latency, "step_valid", reset_less=False)
            ),
            accumulate.i_first.eq(
                delayed(m, flags["step_first"], lanes.latency, "step_first", reset_less=False)
            ),
        ]
        # One cycle before the lanes' sums are there, two before their total is.
        ahead = delayed(m, flags["step_last"], lanes.latency - 1, "step_last", reset_less=False)
        self._results(m, *self._totals(m, ahead))
        return m

    def _totals(self, m: Module, ahead: Signal) -> tuple[Signal, Signal]:
        """Valid and payload of the output beats, free-running."""
        accumulate, affine = self._accumulate, self._affine
        if affine is None:
            return delayed(m, ahead, 2, "total", reset_less=False), accumulate.o_totals
        m.submodules.affine = affine
        m.d.comb += affine.i_ahead.eq(ahead)
        for lane in range(self._lanes.outputs):
            value = field(accumulate.o_totals, lane, accumulate.width, accumulate.signed)
            m.d.comb += affine.i_data.word_select(lane, affine.in_width).eq(value)
        valid = delayed(m, ahead, 2 + affine.latency, "total", reset_less=False)
        m.d.comb += self.saturated.eq(valid & affine.o_saturated)
        return valid, affine.o_data

    def _results(self, m: Module, valid: Signal, payload: Signal) -> None:
        """The FIFO that takes what is under way when the consumer stops."""
        depth = -(-(self.latency + ROUND_TRIP) // self._reader.walk.shortest_beat) + 1
        m.submodules.credits = credits = Credits(depth)
        m.submodules.results = results = Fifo(len(payload), depth)
        wiring.connect(m, wiring.flipped(self.o), results.o)
        m.d.comb += [
            results.i.valid.eq(valid),
            results.i.payload.eq(payload),
            credits.i_take.eq(self._reader.o_starts),
            credits.i_give.eq(results.o.valid & results.o.ready),
            self._reader.i_go.eq(credits.o_some),
        ]
