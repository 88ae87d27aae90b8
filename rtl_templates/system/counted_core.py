"""The stream core and the counters of its stages."""

from amaranth.hdl import ClockSignal, Instance, Module, ResetInserter, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.frame_guard import FrameMarker
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.system.parameters import SystemParameters
from slipstick.rtl_templates.system.stage_counters import StageCounters


class CountedCore(wiring.Component):
    """The stream core, an instance of its Verilog module, and what is counted of its stages.

    Parameters
    ----------
    parameters : formats and stages.

    Members
    -------
    reset : hold the stream core in reset; the counters stay.
    resets : it is in reset.
    i, o : frames and results, without marks.
    error_short, error_long : the stream core saw a frame of the wrong size; until reset.
    clear : a run begins: all counters become 0.
    stage_index, stage_request, stage_acknowledge, stage_data : as those of `StageCounters`.
    saturations : beats that saturated since ``clear``.
    """

    def __init__(self, parameters: SystemParameters) -> None:
        self._parameters = p = parameters
        self._counters = StageCounters(p.stages)
        super().__init__(
            {
                "reset": In(1),
                "resets": Out(1, init=1),
                "i": In(flat_stream(p.frame.bits)),
                "o": Out(flat_stream(p.result.bits)),
                "error_short": Out(1),
                "error_long": Out(1),
                "clear": In(1),
                "stage_index": In(len(self._counters.index)),
                "stage_request": In(1),
                "stage_acknowledge": Out(1),
                "stage_data": Out(32),
                "saturations": Out(32),
            }
        )

    @property
    def settle(self) -> int:
        """Cycles from the last beat until all counters are exact."""
        return self._counters.lag

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self._parameters
        m.submodules.counters = counters = self._counters
        marker = FrameMarker(p.frame.bits, p.frame.beats)
        # It counts beats of the same frames as the stream core.
        m.submodules.marker = ResetInserter(self.resets)(marker)
        restart = Signal()
        m.d.sync += self.resets.eq(self.reset)
        m.d.comb += restart.eq(ResetSignal() | self.resets)
        wiring.connect(m, wiring.flipped(self.i), marker.i)
        m.submodules.core = Instance(
            p.core,
            i_clk=ClockSignal(),
            i_rst=restart,
            i_i_data=marker.o.payload.data,
            i_i_last=marker.o.payload.last,
            i_i_valid=marker.o.valid,
            o_i_ready=marker.o.ready,
            o_o_data=self.o.payload,
            o_o_valid=self.o.valid,
            i_o_ready=self.o.ready,
            o_error_short=self.error_short,
            o_error_long=self.error_long,
            o_stage_valid=counters.valid,
            o_stage_ready=counters.ready,
            o_stage_saturated=counters.saturated,
        )
        m.d.comb += [
            counters.clear.eq(self.clear),
            counters.index.eq(self.stage_index),
            counters.request.eq(self.stage_request),
            self.stage_acknowledge.eq(counters.acknowledge),
            self.stage_data.eq(counters.data),
            self.saturations.eq(counters.total_saturated),
        ]
        return m
