"""The cocotb bench on a toy: traffic, and what must not harm the frames that follow."""

import numpy as np
import pytest
from sim_toy import BEATS, Plant, write_toy

from slipstick.build_folder import read_manifest
from slipstick.errors import SlipstickError
from slipstick.graph import load
from slipstick.sim import simulate
from slipstick.sim.cocotb_bench import CocotbJob, run_scenarios
from slipstick.sim.traffic import Traffic

FRAMES = 3


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("cocotb") / "a toy", Plant(period=2))


def scenarios(folder, *names, simulator="icarus"):
    """What the bench saw in each scenario; Icarus, since it compiles in no time."""
    job = CocotbJob(folder, read_manifest(folder), load(folder / "graph"), Traffic(), simulator)
    with np.load(folder / "frames.npz") as archive:
        images = archive["images"][:FRAMES].astype(np.int64)
    return [share.observed for share in run_scenarios(job, images, names)]


def wrong(observed):
    return sum(probe.mismatches + probe.surplus + probe.broken for probe in observed.probes)


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_correct_circuit_has_no_mismatch_and_its_cycles_are_measured(toy, simulator):
    result = simulate(toy, simulator=simulator, frames=4)
    assert (result.frames, result.mismatches) == (4, 0)
    assert result.cycles_per_frame == 2 * BEATS
    # Both simulators count as the C++ harness does.
    assert result.latency_cycles == 2 * (BEATS - 1) + 2


def test_waveforms_are_written_in_the_simulators_own_format(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate(toy, simulator="icarus", waves=tmp_path / "toy.fst")
    assert (tmp_path / "toy.fst").stat().st_size > 100
    with pytest.raises(SlipstickError, match=r"\.fst"):
        simulate(toy, simulator="icarus", waves=tmp_path / "toy.vcd")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.fst"]


def test_wrong_value_is_found_where_it_is(tmp_path):
    plant = Plant(clocked="if (i__valid & i__ready & seen == 19) data <= next ^ (1 << 7);")
    result = simulate(write_toy(tmp_path / "toy", plant), simulator="icarus", frames=4)
    assert result.per_layer[0].mismatches == 0
    found = result.per_layer[1].first_mismatch
    assert (found.frame, found.channel, found.row, found.column) == (1, 1, 1, 3)


def test_unknown_value_is_a_mismatch(tmp_path):
    plant = Plant(clocked="if (i__valid & i__ready & seen == 3) data <= 14'bx;")
    result = simulate(write_toy(tmp_path / "toy", plant), simulator="icarus", frames=2)
    assert result.per_layer[1].first_mismatch.got is None


def test_circuit_that_stands_still_is_an_error(tmp_path):
    folder = write_toy(tmp_path / "toy", Plant(open="seen != 17"))
    with pytest.raises(SlipstickError, match="stands still"):
        simulate(folder, simulator="icarus", frames=4)


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_nothing_that_happens_to_one_frame_harms_the_next(toy, simulator):
    names = ("reset_in_frame", "short_frame", "long_frame", "long_stall")
    seen = dict(zip(names, scenarios(toy, *names, simulator=simulator), strict=True))
    flags = {name: (one.error_short, one.error_long) for name, one in seen.items()}
    assert {name: wrong(one) for name, one in seen.items()} == dict.fromkeys(names, 0)
    assert not any(one.deadlocked for one in seen.values())
    assert flags == {
        "reset_in_frame": (False, False),
        "short_frame": (True, False),
        "long_frame": (False, True),
        "long_stall": (False, False),
    }
    assert seen["long_stall"].cycles > 10_000


def test_circuit_that_loses_its_place_is_found_out(tmp_path):
    folder = write_toy(tmp_path / "toy", Plant(deaf=True))
    short, long = scenarios(folder, "short_frame", "long_frame")
    assert wrong(short) or short.deadlocked
    assert wrong(long)


def test_state_that_survives_reset_is_found_out(tmp_path):
    plant = Plant(clocked="waited <= 0; if (seen > 20 & i__valid & i__ready) data <= ~next;")
    (observed,) = scenarios(write_toy(tmp_path / "toy", plant), "reset_in_frame")
    assert wrong(observed)
