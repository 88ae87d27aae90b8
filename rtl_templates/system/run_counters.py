"""Counts what happens in a run."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

EVENTS = (
    "frames_read",
    "frames_written",
    "read_bursts",
    "read_beats",
    "read_stalls",
    "write_bursts",
    "write_beats",
    "write_stalls",
)
"""Counted by 32 bits each; names are those of the registers."""


class RunCounters(wiring.Component):
    """One counter an event, and one of cycles; all stay as they are when the run is over.

    Members
    -------
    clear : a run begins.
    busy : a run is going on.
    each of `EVENTS` + ``_event`` : it happens in this cycle.
    each of `EVENTS` : how often it happened.
    cycles_low, cycles_high : cycles in which the run was going on.
    """

    def __init__(self) -> None:
        super().__init__(
            {"clear": In(1), "busy": In(1), "cycles_low": Out(32), "cycles_high": Out(32)}
            | {f"{event}_event": In(1) for event in EVENTS}
            | {event: Out(32) for event in EVENTS}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for event in EVENTS:
            counter, happens = getattr(self, event), getattr(self, f"{event}_event")
            m.d.sync += counter.eq(counter + (happens & self.busy))
            with m.If(self.clear):
                m.d.sync += counter.eq(0)
        cycles = Signal(64)
        m.d.comb += [self.cycles_low.eq(cycles[:32]), self.cycles_high.eq(cycles[32:])]
        m.d.sync += cycles.eq(cycles + self.busy)
        with m.If(self.clear):
            m.d.sync += cycles.eq(0)
        return m
