"""The C++ harness on a toy in which bugs are planted."""

import json

import numpy as np
import pytest
from sim_toy import BEATS, Plant, write_toy

from slipstick.errors import SlipstickError
from slipstick.sim import simulate


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A correct circuit, in a path with a space."""
    return write_toy(tmp_path_factory.mktemp("fast") / "a toy", Plant(period=3))


@pytest.fixture
def planted(tmp_path):
    return lambda **plant: write_toy(tmp_path / "toy", Plant(**plant))


def test_correct_circuit_has_no_mismatch_and_its_cycles_are_measured(toy):
    result = simulate(toy, fast=True)
    assert (result.frames, result.layers_compared) == (20, 2)
    assert (result.mismatches, result.violations) == (0, ())
    assert result.cycles_per_frame == result.ideal_cycles_per_frame == 3 * BEATS
    assert [layer.ideal_cycles_per_frame for layer in result.per_layer] == [BEATS, 3 * BEATS]
    assert result.frames_per_second == pytest.approx(200e6 / (3 * BEATS))
    # The last beat enters stage `second` 33 cycles after the first, and two registers follow.
    assert result.latency_cycles == 3 * (BEATS - 1) + 2
    assert json.loads((toy / "simulation.json").read_text()) == json.loads(
        json.dumps(result.to_json())
    )


def test_random_traffic_changes_no_value_and_measures_no_cycles(toy):
    result = simulate(toy, fast=True, idle=0.4, stall=0.6, seed=5)
    assert (result.mismatches, result.cycles_per_frame) == (0, None)


def test_single_frame_measures_no_interval(toy):
    result = simulate(toy, fast=True, frames=1)
    assert (result.mismatches, result.cycles_per_frame) == (0, None)
    assert result.latency_cycles is not None


def test_second_run_compiles_nothing(toy, monkeypatch):
    simulate(toy, fast=True, frames=2)
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr("slipstick.sim.compile._run", pytest.fail)
    simulate(toy, fast=True, frames=2)


def test_waveform_is_written(toy, tmp_path):
    simulate(toy, fast=True, waves=tmp_path / "toy.vcd")
    text = (tmp_path / "toy.vcd").read_text()
    assert "o__payload" in text
    assert text.count("\n#") > 2 * 2 * BEATS


def test_progress_ends_at_the_last_frame(toy):
    told = []
    simulate(toy, fast=True, progress=lambda *what: told.append(what))
    assert told[-1] == (20, 20, "frames")


def test_wrong_value_is_found_where_it_is(planted):
    # Beat 31 is frame 2, pixel 7: row 1, column 3; the field of channel 1 starts at bit 7.
    folder = planted(clocked="if (i__valid & i__ready & seen == 31) data <= next ^ (1 << 7);")
    result = simulate(folder, fast=True, frames=7)
    first, second = result.per_layer
    assert first.mismatches == 0
    assert second.mismatches == result.output.mismatches == 1
    wrong = second.first_mismatch
    assert (wrong.frame, wrong.channel, wrong.row, wrong.column) == (2, 1, 1, 3)
    assert wrong.got == wrong.expected ^ 1
    assert result.mismatches == 2


def test_wrong_values_in_every_frame_are_numbered_across_processes(planted):
    result = simulate(planted(clocked="if (i__valid & i__ready) data[0] <= ~next[0];"), fast=True)
    assert result.per_layer[1].mismatches == 20 * BEATS
    assert result.per_layer[1].first_mismatch.frame == 0


def test_beats_too_many_are_mismatches(planted):
    # After the 36 beats of three frames, one more that nobody sent.
    folder = planted(clocked="if (seen == 36 & ~full) begin full <= 1; seen <= 37; end")
    result = simulate(folder, fast=True, frames=3)
    assert result.per_layer[1].mismatches == 1
    wrong = result.per_layer[1].first_mismatch
    assert (wrong.frame, wrong.expected) == (3, None)


def test_beat_that_changes_while_it_waits_is_a_violation(planted):
    folder = planted(clocked="if (full & ~o__ready) data[0] <= ~data[0];")
    result = simulate(folder, fast=True, stall=0.5)
    assert "stream 'second' changed a beat before it was taken" in result.violations


def test_circuit_that_stands_still_is_an_error_that_names_the_streams(planted):
    with pytest.raises(SlipstickError, match=r"stands still .* 'second' at frame 1, beat 5 of 12"):
        simulate(planted(open="seen != 17"), fast=True)


def test_broken_verilog_is_one_error(toy, tmp_path):
    folder = write_toy(tmp_path / "toy", Plant(clocked="this is no Verilog"))
    with pytest.raises(SlipstickError, match="verilator_bin"):
        simulate(folder, fast=True)
    assert not (folder / "sim").exists()


def test_missing_compiler_is_an_error_with_its_package(tmp_path, monkeypatch):
    folder = write_toy(tmp_path / "toy")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SlipstickError, match="apt-get install g"):
        simulate(folder, fast=True)


def test_output_that_is_an_image_has_no_accuracy(toy, tmp_path):
    with np.load(toy / "frames.npz") as archive:
        images = archive["images"]
    np.savez(tmp_path / "i.npz", images=images / 8, labels=np.zeros(20, np.int64))
    result = simulate(toy, fast=True, images=tmp_path / "i.npz")
    assert (result.mismatches, result.accuracy) == (0, None)
