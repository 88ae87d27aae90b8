"""The core on buses that are slow, wrong or dead, and under commands at the wrong moment.

After everything that happens a batch must come out right.
"""

import dataclasses
import functools

import numpy as np
import pytest
from system_bench import (
    ABANDON,
    BUS_BUSY,
    BUSY,
    DESTINATION,
    DONE,
    FAILED,
    IRQ_DONE,
    IRQ_ERROR,
    RESETTING,
    SOFT_RESET,
    SOURCE,
    Bench,
    Place,
    errors,
)

from slipstick.sim.system.device import BusTraffic, Fault

BATCH = 3
WATCHDOG = 3000


@pytest.fixture
def bench(picture):
    return functools.partial(opened, picture)


@pytest.fixture(params=["picture", "handful"])
def either(request):
    return functools.partial(opened, request.getfixturevalue(request.param))


def opened(compiled, seed=1, profile="random", **options):
    return Bench(compiled, seed, profile, **options)


@pytest.mark.parametrize("profile", ["fast", "random", "slow"])
def test_core_names_itself(either, profile):
    bench = either(profile=profile)
    model = bench.compiled.model
    assert bench.read("ID") == 0x534C4950
    assert [bench.read(f"HASH[{n}]") for n in range(4)] == list(model.hash_words)
    assert bench.read("FRAME_BYTES") == model.frame.bytes
    assert bench.read("RESULT_BYTES") == model.result.bytes
    assert bench.read("INTERVAL") == model.interval
    assert bench.system.violations == []


@pytest.mark.parametrize("offset", range(8))
def test_frames_and_results_may_start_at_any_byte(either, offset):
    bench = either(seed=offset)
    for gap in (0, 1, 3, 8):
        other = (3 * offset + gap) % 8
        bench.run_well(5, Place(SOURCE + offset, DESTINATION + other, gap, 2 * gap))


def test_slow_memory_costs_time_only(either):
    either(profile="slow").run_well(2)


def test_what_the_core_counts_is_what_memory_saw(either):
    bench = either()
    before = dataclasses.astuple(bench.system.traffic)
    bench.run_well(7, Place(SOURCE + 5, DESTINATION + 6))
    after = dataclasses.astuple(bench.system.traffic)
    names = ("READ_BURSTS", "READ_BEATS", "WRITE_BURSTS", "WRITE_BEATS")
    assert tuple(map(bench.read, names)) == tuple(np.subtract(after, before))


def test_every_stage_counts_its_beats(either):
    bench = either()
    bench.run_well(4)
    for number, stream in enumerate(bench.compiled.manifest.streams):
        assert bench.read(f"STAGE[{number}].BEATS") == 4 * stream.beats_per_frame


def test_one_frame_may_be_read_again_and_again(bench):
    bench = bench()
    bench.prepare(4)
    bench.write("SOURCE_STRIDE", 0)
    bench.start()
    assert bench.wait() == DONE
    assert np.array_equal(bench.results(4), bench.compiled.results[[0] * 4])


def test_run_of_no_frames_is_done_at_once_without_the_bus(either):
    bench = either()
    bench.prepare(1, FRAMES=0)
    before = bench.system.traffic
    bench.start()
    assert bench.wait() == DONE
    assert (bench.read("IRQ_STATUS"), bench.read("ERRORS")) == (IRQ_DONE, 0)
    assert bench.system.traffic == before
    bench.run_well()


@pytest.mark.parametrize(("difference", "name"), [(-1, "short_frame"), (1, "long_frame")])
def test_wrong_length_starts_nothing(either, difference, name):
    bench = either()
    bench.prepare(1, LENGTH=bench.compiled.model.frame.bytes + difference)
    before = bench.system.traffic
    bench.start()
    assert bench.wait() == DONE | FAILED
    assert (bench.read("IRQ_STATUS"), bench.read("ERRORS")) == (IRQ_ERROR, errors(name))
    bench.system.run(2000)
    assert bench.system.traffic == before
    bench.run_well()


def test_start_while_busy_is_an_error_and_harms_nothing(either):
    bench = either()
    bench.prepare(BATCH)
    bench.start()
    bench.start()
    assert bench.read("ERRORS") == errors("start_while_busy")
    bench.write("IRQ_ENABLE", IRQ_DONE)
    assert bench.wait() == DONE
    assert bench.read("FRAMES_WRITTEN") == BATCH
    bench.check_memory(BATCH)
    bench.run_well()


READ_ERRORS = [(Fault.READ_SLVERR, "read_slverr"), (Fault.READ_DECERR, "read_decerr")]
WRITE_ERRORS = [(Fault.WRITE_SLVERR, "write_slverr"), (Fault.WRITE_DECERR, "write_decerr")]


def fails(bench, name):
    """A run that an error of the bus ends; the results that were acknowledged are right."""
    bench.start()
    assert bench.wait() & FAILED
    bench.wait_until_idle(BUSY | RESETTING | BUS_BUSY)
    assert bench.read("STATUS") == DONE | FAILED
    assert bench.read("IRQ_STATUS") == IRQ_ERROR | IRQ_DONE
    assert bench.read("ERRORS") == errors(name)
    written = bench.read("FRAMES_WRITTEN")
    assert written < BATCH
    bench.check_results(written)
    assert bench.system.violations == []


@pytest.mark.parametrize(("kind", "name"), READ_ERRORS)
def test_read_error_at_any_beat_ends_the_run(either, kind, name):
    bench = either()
    bench.run_well(BATCH)
    # One error for each beat of a run, from the first to the last.
    for beat in range(1, bench.read("READ_BEATS") + 1):
        bench.prepare(BATCH)
        bench.system.fault(kind, beat)
        fails(bench, name)
        bench.run_well()


@pytest.mark.parametrize(("kind", "name"), WRITE_ERRORS)
def test_write_error_at_any_burst_ends_the_run(either, kind, name):
    bench = either()
    bench.run_well(BATCH)
    for burst in range(1, bench.read("WRITE_BURSTS") + 1):
        bench.prepare(BATCH)
        bench.system.fault(kind, burst)
        fails(bench, name)
        bench.run_well()


@pytest.mark.parametrize(
    ("register", "name"), [("SOURCE", "read_decerr"), ("DESTINATION", "write_decerr")]
)
def test_buffer_outside_of_memory_ends_the_run(either, register, name):
    bench = either()
    bench.prepare(BATCH)
    bench.write(register, bench.system.base - 0x1_0000)
    fails(bench, name)
    bench.run_well()


def test_last_result_across_the_end_of_memory_ends_the_run(either):
    bench = either()
    size = bench.compiled.model.result.bytes
    # The batch that is prepared ends with the memory; the one that runs has a frame more.
    bench.prepare(BATCH - 1, Place(destination=bench.size - (BATCH - 1) * size))
    bench.write("FRAMES", BATCH)
    fails(bench, "write_decerr")
    assert bench.read("FRAMES_WRITTEN") == BATCH - 1
    bench.run_well()


def test_interrupt_tells_the_error_and_then_the_end(either):
    """A driver that clears the first one while the core drains must not miss the second."""
    bench = either()
    bench.prepare(12)
    bench.system.fault(Fault.SILENT_WRITES)
    bench.start()
    while bench.system.traffic.write_bursts == 0:
        bench.system.run(1)
    bench.system.fault(Fault.READ_SLVERR)
    assert bench.wait() & BUSY
    bench.write("IRQ_STATUS", IRQ_ERROR)
    bench.system.run(2000)
    assert (bench.read("STATUS") & BUSY, bench.system.interrupt) == (BUSY, False)
    bench.system.fault(Fault.NONE)
    assert bench.wait() == DONE | FAILED
    assert bench.read("IRQ_STATUS") == IRQ_DONE
    bench.run_well()


DEAD = [Fault.SILENT_READS, Fault.SILENT_WRITES, Fault.DEAF_ADDRESSES, Fault.DEAF_DATA]


def hang(bench, kind, delay):
    """A run that stops because memory does, after ``delay`` cycles."""
    bench.prepare(BATCH, watchdog=WATCHDOG)
    bench.start()
    bench.system.run(delay)
    bench.system.fault(kind)
    status = bench.wait()
    assert status & BUSY
    assert bench.read("ERRORS") == errors("watchdog")
    assert bench.read("IRQ_STATUS") == IRQ_ERROR
    bench.system.run(5 * WATCHDOG)
    assert bench.read("STATUS") & (BUSY | BUS_BUSY) == BUSY | BUS_BUSY


@pytest.mark.parametrize("kind", DEAD)
@pytest.mark.parametrize("delay", [0, 30, 77, 200])
def test_core_recovers_when_memory_answers_again(bench, kind, delay):
    bench = bench(seed=delay)
    hang(bench, kind, delay)
    bench.system.fault(Fault.NONE)
    bench.wait_until_idle(BUSY | RESETTING | BUS_BUSY)
    assert bench.read("STATUS") == DONE | FAILED
    bench.check_results(bench.read("FRAMES_WRITTEN"))
    assert bench.system.violations == []
    bench.run_well()


@pytest.mark.parametrize("kind", DEAD)
@pytest.mark.parametrize("delay", [0, 30, 77, 200])
def test_core_forgets_a_bus_that_was_reset(bench, kind, delay):
    bench = bench(seed=delay)
    hang(bench, kind, delay)
    bench.system.fault(Fault.BUS_RESET)
    bench.write("CONTROL", ABANDON)
    bench.wait_until_idle(BUSY | RESETTING | BUS_BUSY)
    bench.system.fault(Fault.NONE)
    assert bench.read("STATUS") & FAILED
    bench.run_well()


def test_watchdog_of_zero_waits_for_ever(bench):
    bench = bench()
    bench.prepare(BATCH)
    bench.system.fault(Fault.SILENT_READS)
    bench.start()
    bench.system.run(300_000)
    assert (bench.read("STATUS") & (DONE | BUSY), bench.read("ERRORS")) == (BUSY, 0)
    bench.system.fault(Fault.NONE)
    assert bench.wait() == DONE
    bench.check_memory(BATCH)


def test_watchdog_lets_memory_be_slow(bench):
    bench = bench(profile="slow")
    bench.prepare(BATCH, watchdog=1000)
    bench.start()
    assert bench.wait() == DONE
    assert bench.read("CYCLES_LOW") > 5 * 1000
    bench.check_memory(BATCH)


def test_soft_reset_in_any_cycle_of_a_run(either):
    """Every state of the core meets it; after each a whole batch is right."""
    bench = either()
    bench.prepare(2)
    bench.start()
    assert bench.wait() == DONE
    length = bench.read("CYCLES_LOW")
    for cycle in range(0, length + 60, 1 + length // 400):
        bench.prepare(2)
        bench.start()
        bench.system.run(cycle)
        bench.write("CONTROL", SOFT_RESET)
        bench.wait_until_idle(BUSY | RESETTING | BUS_BUSY)
        assert bench.read("STATUS") == 0
        assert (bench.read("IRQ_STATUS"), bench.read("ERRORS")) == (0, 0)
        assert bench.system.violations == []
        bench.run_well()


def test_soft_reset_twice_and_with_a_start_behind_it(either):
    bench = either()
    for between in range(40):
        bench.prepare(2)
        bench.start()
        bench.system.run(50)
        bench.write("CONTROL", SOFT_RESET)
        bench.system.run(between)
        bench.write("CONTROL", SOFT_RESET)
        bench.wait_until_idle()
        bench.run_well()


def test_soft_reset_ends_a_run_that_failed(bench):
    bench = bench()
    hang(bench, Fault.SILENT_READS, 20)
    bench.write("CONTROL", SOFT_RESET)
    bench.system.fault(Fault.NONE)
    bench.wait_until_idle()
    assert (bench.read("STATUS"), bench.read("ERRORS"), bench.read("IRQ_STATUS")) == (0, 0, 0)
    bench.run_well()


def test_reset_in_any_cycle_of_a_run(either):
    bench = either()
    for cycle in range(0, 400, 7):
        bench.prepare(2)
        bench.start()
        bench.system.run(cycle)
        bench.system.reset()
        assert bench.read("STATUS") == 0
        bench.run_well()


def test_result_outside_of_its_window_is_a_violation(bench):
    bench = bench()
    bench.prepare(1)
    bench.write("DESTINATION", bench.system.base + DESTINATION + 1)
    bench.start()
    assert bench.wait() == DONE
    address = bench.system.base + DESTINATION + bench.compiled.model.result.bytes
    (line,) = bench.system.violations
    assert line.endswith(f"wrote byte {address:#010x}, which is no result's")


def test_interrupt_is_a_level_that_software_masks_and_clears(bench):
    bench = bench()
    bench.prepare(1, IRQ_ENABLE=0)
    bench.start()
    bench.wait_until_idle()
    assert (bench.read("IRQ_STATUS"), bench.system.interrupt) == (IRQ_DONE, False)
    bench.write("IRQ_ENABLE", IRQ_DONE)
    bench.system.run(2)
    assert bench.system.interrupt
    bench.write("IRQ_STATUS", IRQ_DONE)
    bench.system.run(2)
    assert not bench.system.interrupt


def test_batch_of_65536_frames(handful):
    bench = Bench(handful, profile="fast", size=1 << 20)
    bench.run_well(1 << 16, Place(destination=1 << 19))


def test_traffic_is_none_before_the_first_run(bench):
    bench = bench()
    bench.system.run(1000)
    assert bench.system.traffic == BusTraffic(0, 0, 0, 0)
