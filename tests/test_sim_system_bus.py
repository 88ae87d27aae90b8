"""The models of the buses on a double of the system core, whose bugs they must find."""

import numpy as np
import pytest
from system_double import (
    BUG,
    DESTINATION,
    DONE,
    SOURCE,
    START,
    VERILOG,
    WORDS,
    Bug,
)

from slipstick.sim.system.device import BusTraffic, Fault, RegisterError, SimulatedSystem
from slipstick.sim.system.library import system_library

FROM, TO = 0x80, 0x1000
PATIENCE = 20_000
FAILED = 6


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("double") / "a double"
    return system_library(folder, {"rtl/slipstick_system.v": VERILOG})


@pytest.fixture
def opened(library):
    """Opens systems whose memory holds a pattern, and closes them."""
    systems = []

    def open_one(profile="fast", seed=1, **options):
        system = SimulatedSystem(library, seed, profile, size=0x4000, **options)
        system.memory[:] = np.random.default_rng(0).integers(0, 256, system.size, np.uint8)
        systems.append(system)
        return system

    yield open_one
    for system in systems:
        system.close()


def copy(system, source=FROM, target=TO, words=16, bug=Bug.NONE):
    """Starts the double; whether it ended."""
    system.write32(BUG, bug)
    system.write32(SOURCE, system.base + source)
    system.write32(DESTINATION, system.base + target)
    system.write32(WORDS, words)
    system.write32(START, 1)
    return system.run_until_interrupt(PATIENCE)


@pytest.mark.parametrize("profile", ["fast", "random", "slow"])
@pytest.mark.parametrize("seed", range(4))
def test_correct_core_copies_and_breaks_no_rule(opened, profile, seed):
    system = opened(profile, seed)
    expected = system.memory.copy()
    expected[TO : TO + 128] = ~expected[FROM : FROM + 128]
    system.allow_writes(system.base + TO, 128)
    assert copy(system)
    assert np.array_equal(system.memory, expected)
    assert system.read32(SOURCE) == system.base + FROM
    assert system.traffic == BusTraffic(1, 16, 1, 16)
    assert system.violations == []


@pytest.mark.parametrize(
    ("bug", "profile", "rule"),
    [
        (Bug.WITHDRAWS_ADDRESS, "slow", "AR withdrew a beat"),
        (Bug.CHANGES_ADDRESS, "slow", "AR changed a beat"),
        (Bug.TOO_LONG, "fast", "AR is longer than 16 beats"),
        (Bug.TOO_LONG, "fast", "AW is longer than 16 beats"),
        (Bug.NARROW, "fast", "AR does not move 8 bytes"),
        (Bug.FIXED_BURST, "fast", "AR is no INCR burst"),
        (Bug.OTHER_ID, "fast", "AR has an ID"),
        (Bug.LATE_LAST, "fast", "W does not mark the last beat"),
        (Bug.CHANGES_DATA, "slow", "W changed a beat"),
        (Bug.WITHDRAWS_DATA, "slow", "W withdrew a beat"),
        (Bug.EXTRA_BEAT, "fast", "W moved a beat that belongs to no burst"),
        (Bug.WITHDRAWS_ANSWER, "slow", "B of the registers withdrew a beat"),
        (Bug.UNASKED_ANSWER, "fast", "R of the registers answers what was not asked"),
    ],
)
def test_broken_rule_is_found(opened, bug, profile, rule):
    system = opened(profile)
    copy(system, bug=bug)
    system.run(100)
    assert any(rule in line for line in system.violations)


def test_changing_answer_of_a_register_is_found(opened):
    system = opened("slow")
    system.write32(BUG, Bug.CHANGES_ANSWER)
    for _ in range(8):
        system.read32(SOURCE)
    assert any("R of the registers changed a beat" in line for line in system.violations)


def test_register_bus_that_does_not_answer_is_an_error_and_found(opened):
    system = opened()
    with pytest.raises(RegisterError):
        copy(system, bug=Bug.DEAF_REGISTERS)
    assert any("the registers do not answer" in line for line in system.violations)


def test_error_response_of_a_register_is_handed_on(opened):
    system = opened()
    assert system.response_of_write(0xFF, 0) == 2
    with pytest.raises(RegisterError, match="0xff was answered 2"):
        system.write32(0xFF, 0)


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        (0xFC0, TO, "AR crosses 4 KiB"),
        (FROM, 0x1FF8, "AW crosses"),
        (0x84, TO, "AR does not begin"),
    ],
)
def test_burst_across_4_kib_or_from_within_a_word_is_found(opened, source, target, rule):
    system = opened()
    copy(system, source, target)
    assert any(rule in line for line in system.violations)


def test_every_byte_written_outside_of_the_windows_is_found(opened):
    system = opened()
    # The burst writes one byte too many on either side.
    system.allow_writes(system.base + TO + 1, 60)
    system.allow_writes(system.base + TO + 61, 66)
    copy(system)
    found = [line.partition(": ")[2] for line in system.violations]
    expected = [system.base + TO, system.base + TO + 127]
    assert found == [f"wrote byte {address:#010x}, which is no result's" for address in expected]


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("kind", [Fault.READ_SLVERR, Fault.READ_DECERR])
def test_read_error_comes_at_its_beat_and_once(opened, kind, count):
    system = opened()
    system.fault(kind, count)
    copy(system)
    assert system.read32(DONE) == FAILED
    garbage = ~system.memory[TO + 8 * (count - 1) :][:8]
    assert bytes(garbage) == bytes.fromhex("addeaddeaddeadde")
    copy(system)
    assert system.read32(DONE) == FAILED - 4


@pytest.mark.parametrize("kind", [Fault.WRITE_SLVERR, Fault.WRITE_DECERR])
def test_write_error_comes_at_its_burst_and_changes_nothing(opened, kind):
    system = opened()
    before = system.memory.copy()
    system.fault(kind, 2)
    copy(system)
    assert system.read32(DONE) == FAILED - 4
    copy(system, FROM + 8, TO)
    assert system.read32(DONE) == FAILED
    assert np.array_equal(system.memory[TO : TO + 128], ~before[FROM : FROM + 128])


@pytest.mark.parametrize(("source", "target"), [(0x4000, TO), (FROM, 0x4000), (-128, TO)])
def test_addresses_outside_of_memory_are_errors(opened, source, target):
    system = opened()
    before = system.memory.copy()
    copy(system, source, target)
    assert system.read32(DONE) == FAILED
    if target != TO:
        assert np.array_equal(system.memory, before)


@pytest.mark.parametrize(
    "kind", [Fault.SILENT_READS, Fault.SILENT_WRITES, Fault.DEAF_ADDRESSES, Fault.DEAF_DATA]
)
def test_bus_that_stands_still_goes_on_when_the_fault_is_over(opened, kind):
    system = opened("random")
    system.fault(kind)
    assert not copy(system)
    system.fault(Fault.NONE)
    assert system.run_until_interrupt(PATIENCE)
    assert system.violations == []


def test_bus_in_reset_forgets_what_was_asked(opened):
    system = opened()
    system.fault(Fault.SILENT_READS)
    copy(system)
    system.fault(Fault.BUS_RESET)
    system.run(10)
    system.fault(Fault.NONE)
    assert not system.run_until_interrupt(PATIENCE)
    system.reset()
    assert copy(system)
    assert system.violations == []


def test_lost_interrupt_does_not_reach_the_processor(opened):
    system = opened()
    system.fault(Fault.LOST_INTERRUPT)
    assert not copy(system)
    assert system.read32(DONE) == 2
    system.fault(Fault.NONE)
    assert system.interrupt


def test_same_seed_same_cycles(opened):
    def cycles(seed):
        system = opened("random", seed)
        copy(system)
        return system.cycles

    assert cycles(5) == cycles(5)
    assert len({cycles(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("options", [{"profile": "quick"}, {"base": 0x1001}])
def test_unknown_profile_and_parts_of_pages_are_refused(opened, options):
    with pytest.raises(ValueError, match="No system with profile"):
        opened(**options)
