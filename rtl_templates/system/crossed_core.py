"""A stream core with a clock of its own."""

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Module,
    ResetSignal,
    Signal,
)
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer, PulseSynchronizer, ResetSynchronizer
from amaranth.lib.wiring import In

from slipstick.rtl_templates.system.counted_core import CountedCore
from slipstick.rtl_templates.system.crossings import ReadCrossing, StreamCrossing, ValueCrossing

CROSSING_CYCLES = 64
"""Bus clock cycles in which a value has crossed, if the core's clock is at most 8 times slower."""
SLOWEST = 8


class CrossedCore(wiring.Component):
    """`CountedCore` in the domain of ``core_clk``, seen from the bus clock.

    Parameters
    ----------
    core : the stream core and its counters.

    Members
    -------
    core_clk : the stream core's clock.
    others : as those of ``core``.
    """

    def __init__(self, core: CountedCore) -> None:
        self._core = core
        super().__init__({"core_clk": In(1), **core.signature.members})

    @property
    def settle(self) -> int:
        """Bus clock cycles from the last beat until all counters are exact."""
        return SLOWEST * self._core.settle + CROSSING_CYCLES

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self._core
        m.domains.core = ClockDomain("core", local=True)
        m.d.comb += ClockSignal("core").eq(self.core_clk)
        m.submodules.restart = ResetSynchronizer(ResetSignal(), domain="core")
        m.submodules.core = DomainRenamer("core")(core)
        self._cross_resets(m)
        self._cross_streams(m)
        for name in ("error_short", "error_long"):
            signal = FFSynchronizer(getattr(core, name), getattr(self, name))
            m.submodules[f"{name}_back"] = signal
        m.submodules.clear_there = clear = PulseSynchronizer("sync", "core")
        m.submodules.reading = reading = ReadCrossing(len(self.stage_data), "sync", "core")
        m.submodules.saturating = saturating = ValueCrossing(len(self.saturations), "core", "sync")
        m.d.comb += [
            clear.i.eq(self.clear),
            core.clear.eq(clear.o),
            # The index stands still as long as the request does.
            core.stage_index.eq(self.stage_index),
            reading.request.eq(self.stage_request),
            self.stage_acknowledge.eq(reading.acknowledge),
            self.stage_data.eq(reading.data),
            core.stage_request.eq(reading.far_request),
            reading.far_acknowledge.eq(core.stage_acknowledge),
            reading.far_data.eq(core.stage_data),
            saturating.i.eq(core.saturations),
            self.saturations.eq(saturating.o),
        ]
        return m

    def _cross_resets(self, m: Module) -> None:
        held = Signal(init=1)
        m.d.sync += held.eq(self.reset)
        m.submodules.reset_there = FFSynchronizer(held, self._core.reset, o_domain="core", init=1)
        m.submodules.reset_back = FFSynchronizer(self._core.resets, self.resets, init=1)

    def _cross_streams(self, m: Module) -> None:
        """Beats that are under way when the stream core is reset must not reach it afterwards."""
        resets = (self.reset, self._core.resets)
        for name, crossing in (
            ("frames", StreamCrossing(len(self.i.payload), "sync", "core")),
            ("results", StreamCrossing(len(self.o.payload), "core", "sync")),
        ):
            source_reset, target_reset = resets if name == "frames" else resets[::-1]
            m.submodules[name] = crossing
            source, target = (self.i, self._core.i) if name == "frames" else (self._core.o, self.o)
            m.d.comb += [
                crossing.source_reset.eq(source_reset),
                crossing.target_reset.eq(target_reset),
                crossing.i.payload.eq(source.payload),
                crossing.i.valid.eq(source.valid),
                source.ready.eq(crossing.i.ready),
                target.payload.eq(crossing.o.payload),
                target.valid.eq(crossing.o.valid),
                crossing.o.ready.eq(target.ready),
            ]
