"""The life of a run, told by what the supervisor shows in each state."""

import pytest
from amaranth.sim import Simulator
from streams import refuses

from slipstick.rtl_templates.system.run_counters import EVENTS, RunCounters
from slipstick.rtl_templates.system.supervisor import RESET_CYCLES, Supervisor

BYTES, SETTLE = 784, 5


def drive(component, testbench):
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


class Run:
    """A supervisor under test, whose stream core follows its reset one cycle later."""

    def __init__(self, ctx, boss):
        self.ctx, self.boss = ctx, boss
        self.seen = set()
        self.set(length=BYTES, frames=2, saturation_limit=0xFFFFFFFF, bus_idle=1, core_resets=0)

    def set(self, **values):
        for name, value in values.items():
            self.ctx.set(getattr(self.boss, name), value)

    def __getattr__(self, name):
        return self.ctx.get(getattr(self.boss, name))

    async def cycle(self, count=1, **pulses):
        """Inputs high for one cycle, then ``count - 1`` more; collects the pulses seen."""
        for index in range(count):
            self.set(**{name: int(index == 0) for name in pulses})
            pulsing = ("begins", "clear_flags")
            names = [n for n in self.boss.signature.members if n.startswith("set_")]
            self.seen |= {name for name in (*pulsing, *names) if getattr(self, name)}
            held = self.path_reset
            await self.ctx.tick()
            self.set(core_resets=held)
        self.set(**dict.fromkeys(pulses, 0))

    def take(self):
        """The pulses since the last time."""
        seen, self.seen = self.seen, set()
        return seen

    @property
    def state(self):
        return self.busy, self.done, self.failed, self.resetting


IDLE, BUSY, DONE, FAILED, DRAINING, RESETTING = (
    (0, 0, 0, 0),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 1, 1, 0),
    (1, 0, 1, 0),
    (1, 0, 0, 1),
)


def supervised(scenario):
    """Runs ``scenario`` of a fresh supervisor."""
    boss = Supervisor(BYTES, SETTLE)

    async def testbench(ctx):
        await scenario(Run(ctx, boss))

    drive(boss, testbench)


def test_a_run_ends_when_its_results_are_written_and_counters_have_settled():
    async def scenario(run):
        assert run.state == IDLE
        await run.cycle(start=1)
        assert (run.state, run.running, run.take()) == (BUSY, 1, {"begins"})
        await run.cycle(20, frame_written=1)
        await run.cycle(SETTLE, frame_written=1)
        assert (run.state, run.take()) == (BUSY, set())
        await run.cycle(1)
        assert (run.state, run.take()) == (DONE, {"set_done"})
        await run.cycle(start=1)
        assert (run.state, run.take()) == (BUSY, {"begins"})

    supervised(scenario)


@pytest.mark.parametrize(
    ("length", "cause"), [(0, "set_short"), (BYTES - 1, "set_short"), (BYTES + 1, "set_long")]
)
def test_a_frame_of_another_length_is_not_started(length, cause):
    async def scenario(run):
        run.set(length=length)
        await run.cycle(5, start=1)
        assert (run.state, run.take()) == (FAILED, {cause, "set_error"})
        run.set(length=BYTES)
        await run.cycle(start=1)
        assert (run.state, run.take()) == (BUSY, {"begins"})

    supervised(scenario)


def test_no_frames_are_done_at_once():
    async def scenario(run):
        run.set(frames=0)
        await run.cycle(3, start=1)
        assert (run.state, run.take()) == (DONE, {"set_done"})

    supervised(scenario)


def test_a_start_while_busy_is_told_and_ignored():
    async def scenario(run):
        await run.cycle(start=1)
        run.set(frames=7)
        await run.cycle(3, start=1)
        assert (run.state, run.take()) == (BUSY, {"begins", "set_busy_start"})
        await run.cycle(frame_written=1)
        await run.cycle(SETTLE + 1, frame_written=1)
        assert run.state == DONE

    supervised(scenario)


@pytest.mark.parametrize(
    ("cause", "flags"),
    [
        ("bus_error", set()),
        ("core_short", {"set_short"}),
        ("core_long", {"set_long"}),
    ],
)
def test_an_error_drains_the_bus_and_resets_the_path(cause, flags):
    async def scenario(run):
        await run.cycle(4, start=1)
        run.take()
        run.set(bus_idle=0)
        await run.cycle(**{cause: 1})
        assert run.take() == {*flags, "set_error"}
        for _ in range(30):
            assert (run.state, run.stop, run.path_reset) == (DRAINING, 1, 0)
            await run.cycle()
        run.set(bus_idle=1)
        resets = 0
        while run.busy:
            resets += run.path_reset
            assert run.stop
            await run.cycle()
        assert resets >= RESET_CYCLES
        assert (run.state, run.stop, run.take()) == (FAILED, 0, {"set_done"})

    supervised(scenario)


def test_too_many_saturations_end_the_run():
    async def scenario(run):
        run.set(saturation_limit=3)
        await run.cycle(3, start=1)
        run.set(saturations=3)
        await run.cycle(3)
        assert (run.state, run.take()) == (BUSY, {"begins"})
        run.set(saturations=4)
        await run.cycle()
        assert (run.state, run.take()) == (DRAINING, {"set_saturation", "set_error"})

    supervised(scenario)


def test_watchdog_bites_after_its_cycles_without_progress_and_not_before():
    async def scenario(run):
        run.set(watchdog=10)
        await run.cycle(start=1)
        await run.cycle(9)
        await run.cycle(progress=1)
        await run.cycle(9)
        assert (run.state, run.take()) == (BUSY, {"begins"})
        await run.cycle()
        assert (run.state, run.take()) == (DRAINING, {"set_watchdog", "set_error"})

    supervised(scenario)


def test_watchdog_tells_of_a_bus_that_does_not_finish_and_abandon_ends_it():
    async def scenario(run):
        run.set(watchdog=10, bus_idle=0)
        await run.cycle(start=1)
        await run.cycle(bus_error=1)
        run.take()
        await run.cycle(200)
        assert (run.state, run.take()) == (DRAINING, {"set_watchdog", "set_error"})
        await run.cycle(RESET_CYCLES + 10, abandon=1)
        assert run.state == FAILED

    supervised(scenario)


@pytest.mark.parametrize("when", range(RESET_CYCLES + 12))
def test_soft_reset_works_in_every_state(when):
    async def scenario(run):
        await run.cycle(3, start=1)
        await run.cycle(bus_error=1)
        await run.cycle(when)
        run.take()
        await run.cycle(soft_reset=1)
        assert (run.state, run.take()) == (RESETTING, {"clear_flags"})
        await run.cycle(RESET_CYCLES + 5)
        assert (run.state, run.stop, run.path_reset) == (IDLE, 0, 0)
        await run.cycle(start=1)
        assert run.state == BUSY

    supervised(scenario)


def test_soft_reset_waits_for_the_bus():
    async def scenario(run):
        await run.cycle(3, start=1)
        run.set(bus_idle=0)
        await run.cycle(50, soft_reset=1)
        assert (run.state, run.path_reset) == (RESETTING, 0)
        run.set(bus_idle=1)
        await run.cycle(RESET_CYCLES + 5)
        assert run.state == IDLE

    supervised(scenario)


def test_refuses():
    with refuses("Frame bytes must be a positive integer, not 0"):
        Supervisor(0, 1)
    with refuses("Settle must be a positive integer, not 0"):
        Supervisor(1, 0)


def test_counters_count_only_while_busy_and_restart():
    counters = RunCounters()

    async def testbench(ctx):
        for event in EVENTS:
            ctx.set(getattr(counters, f"{event}_event"), 1)
        for busy, cycles in ((0, 3), (1, 5), (0, 2)):
            ctx.set(counters.busy, busy)
            await ctx.tick().repeat(cycles)
        names = (*EVENTS, "cycles_low")
        assert {ctx.get(getattr(counters, name)) for name in names} == {5}
        ctx.set(counters.clear, 1)
        await ctx.tick()
        assert {ctx.get(getattr(counters, name)) for name in names} == {0}

    drive(counters, testbench)
