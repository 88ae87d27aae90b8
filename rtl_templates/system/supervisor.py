"""Starts, watches and ends runs."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

RESET_CYCLES = 8


class Supervisor(wiring.Component):
    """The life of a run: started, drained where it goes wrong, reset, told to software.

    Parameters
    ----------
    frame_bytes : bytes of a frame.
    settle : cycles from the last result to the end of a run, in which counters become exact.

    Members
    -------
    start, soft_reset, abandon : commands of software, for one cycle.
    length, frames, watchdog, saturation_limit : its settings.
    bus_idle : no transaction is under way.
    bus_error : an answer was an error.
    frame_written : a result lies in memory, for one cycle.
    core_short, core_long : the stream core saw a frame of the wrong size.
    saturations : beats that saturated in this run.
    progress : something moved.
    core_resets : the stream core is held in reset.
    begins : a run begins, for one cycle: counters are cleared, addresses are made.
    running : a run is going on and nothing went wrong.
    stop : no new burst may be asked for.
    path_reset : everything between the buses is reset.
    busy, done, failed, resetting : as in the register ``STATUS``.
    set_done, set_error : flags of ``IRQ_STATUS`` to be set, for one cycle.
    set_short, set_long, set_saturation, set_watchdog, set_busy_start : those of ``ERRORS``.
    clear_flags : all these flags are to be cleared, for one cycle.
    """

    def __init__(self, frame_bytes: int, settle: int) -> None:
        for name, value in (("Frame bytes", frame_bytes), ("Settle", settle)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, not {value!r}")
        self._frame_bytes, self._settle = frame_bytes, settle
        inputs = (
            "start soft_reset abandon bus_idle bus_error frame_written core_short core_long "
            "progress core_resets"
        )
        outputs = (
            "begins running stop path_reset busy done failed resetting set_done set_error "
            "set_short set_long set_saturation set_watchdog set_busy_start clear_flags"
        )
        words = "length frames watchdog saturation_limit saturations"
        super().__init__(
            {name: In(1) for name in inputs.split()}
            | {name: In(32) for name in words.split()}
            | {name: Out(1) for name in outputs.split()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(32)
        with m.If(self.frame_written):
            m.d.sync += left.eq(left - 1)
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("idle"):
                m.d.comb += self.busy.eq(0)
                self._wait(m, left)
                self._heed_reset(m)
            with m.State("run"):
                self._run(m, left)
                self._heed_reset(m)
            with m.State("drain"):
                m.d.comb += [self.stop.eq(1), self.set_error.eq(self.set_watchdog)]
                with m.If(self.bus_idle | self.abandon):
                    m.next = "reset"
                self._heed_reset(m)
            with m.State("reset"):
                self._reset(m)
                self._heed_reset(m)
            with m.State("release"):
                m.d.comb += self.stop.eq(1)
                with m.If(~self.core_resets):
                    # Software that was told of the error waits for its end.
                    m.d.comb += self.set_done.eq(self.failed & ~self.soft_reset)
                    m.d.sync += [self.done.eq(self.failed), self.resetting.eq(0)]
                    m.next = "idle"
                self._heed_reset(m)
        self._watch(m, self.stop | (self.running & (left != 0)))
        m.d.comb += [
            self.set_busy_start.eq(self.start & self.busy),
            self.clear_flags.eq(self.soft_reset),
        ]
        return m

    def _heed_reset(self, m: Module) -> None:
        """In every state, and stronger than whatever the state decides."""
        with m.If(self.soft_reset):
            m.d.sync += [self.done.eq(0), self.failed.eq(0), self.resetting.eq(1)]
            m.next = "drain"

    def _wait(self, m: Module, left: Signal) -> None:
        with m.If(self.start):
            m.d.sync += [self.done.eq(1), self.failed.eq(0)]
            with m.If(self.length != self._frame_bytes):
                m.d.comb += [
                    self.set_short.eq(self.length < self._frame_bytes),
                    self.set_long.eq(self.length > self._frame_bytes),
                    self.set_error.eq(1),
                ]
                m.d.sync += self.failed.eq(1)
            with m.Elif(self.frames == 0):
                m.d.comb += self.set_done.eq(1)
            with m.Else():
                m.d.comb += self.begins.eq(1)
                m.d.sync += [self.done.eq(0), left.eq(self.frames)]
                m.next = "run"

    def _run(self, m: Module, left: Signal) -> None:
        settling = Signal(range(self._settle), init=self._settle - 1)
        over, wrong = Signal(), Signal()
        m.d.comb += [
            self.running.eq(1),
            over.eq((left == 0) & (settling == 0)),
            self.set_short.eq(self.core_short),
            self.set_long.eq(self.core_long),
            self.set_saturation.eq(self.saturations > self.saturation_limit),
            wrong.eq(
                self.bus_error
                | self.core_short
                | self.core_long
                | self.set_saturation
                | self.set_watchdog
            ),
            self.set_error.eq(wrong),
            self.set_done.eq(over & ~wrong & ~self.soft_reset),
        ]
        m.d.sync += settling.eq(Mux(left == 0, settling - 1, self._settle - 1))
        with m.If(wrong):
            m.d.sync += self.failed.eq(1)
            m.next = "drain"
        with m.Elif(over):
            m.d.sync += self.done.eq(1)
            m.next = "idle"

    def _reset(self, m: Module) -> None:
        """Held until the stream core, whose clock may be another, has seen it."""
        cycle = Signal(range(RESET_CYCLES))
        m.d.comb += [self.stop.eq(1), self.path_reset.eq(1)]
        with m.If(cycle != RESET_CYCLES - 1):
            m.d.sync += cycle.eq(cycle + 1)
        with m.Elif(self.core_resets):
            m.d.sync += cycle.eq(0)
            m.next = "release"

    def _watch(self, m: Module, active: Value) -> None:
        """Counts cycles without progress while ``active``; bites once."""
        quiet = Signal(32)
        hungry = Signal()
        m.d.comb += [
            hungry.eq(active & ~self.progress & (self.watchdog != 0)),
            self.set_watchdog.eq(hungry & (quiet + 1 == self.watchdog)),
        ]
        with m.If(~hungry):
            m.d.sync += quiet.eq(0)
        with m.Elif(quiet != self.watchdog):
            m.d.sync += quiet.eq(quiet + 1)
