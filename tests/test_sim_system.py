"""`simulate --system`: from frames in memory to results in memory, all of it."""

import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import refused

from slipstick.driver import Accelerator, SimulatedTransport
from slipstick.errors import SlipstickError
from slipstick.sim.system.device import SimulatedSystem
from slipstick.sim.system.hosted import Host, HostedRun
from slipstick.sim.system.library import system_files
from slipstick.sim.system.run import simulate_system
from slipstick.sim.system.summary import golden_outputs

SHIPPED = "addressnet resnet_adder shift_lenet shiftaddnet shiftnet sparse_shiftnet".split()

needs_arm = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("unicorn", "ziglang")),
    reason="unicorn or ziglang is not installed",
)


@pytest.fixture(autouse=True)
def verilog_once(monkeypatch):
    """The Verilog of the system core is made once; that it is the same is shown elsewhere."""
    monkeypatch.setattr("slipstick.sim.system.run.system_files", _system_files)


def _system_files(folder, manifest):
    if folder not in _files:
        _files[folder] = system_files(folder, manifest)
    return _files[folder]


_files = {}


def test_every_result_is_right_and_cycles_are_the_cores(picture):
    told = []
    result = simulate_system(
        picture.folder, frames=100, seed=3, progress=lambda *what: told.append(what)
    )
    assert (result.frames, result.mismatches, result.error) == (100, 0, None)
    assert (result.violations, result.ok) == ((), True)
    # A frame is read while the one before it computes. A result that ends in the second word that
    # its last beat fills costs a cycle more: both words cannot be written at once.
    assert result.ideal_cycles_per_frame == 99
    assert 99 <= result.cycles_per_frame <= 100
    assert result.random_cycles_per_frame > result.cycles_per_frame
    # A result takes 75 words, and its bursts end where lines of 128 bytes do.
    assert 64 < result.bytes_per_write_burst < 128
    # 75 words a frame; all but the first frames' way through the core is measured with them.
    assert 0.9 * 75 / 99 < result.write_utilisation <= 75 / 99
    assert json.loads((picture.folder / "system.json").read_text()) == json.loads(
        json.dumps(result.to_json())
    )
    assert told[0] == (0, 100, "compiling")
    assert (64, 100, "frames") in told
    assert told[-1] == (100, 100, "measuring")


def test_second_run_compiles_no_hardware_and_repeats_the_first(picture, monkeypatch):
    monkeypatch.setattr("slipstick.sim.compile._run", pytest.fail)
    first, again, other = (simulate_system(picture.folder, frames=8, seed=n) for n in (1, 1, 2))
    assert first.random_cycles_per_frame == again.random_cycles_per_frame
    assert first.random_cycles_per_frame != other.random_cycles_per_frame
    assert first.cycles_per_frame == other.cycles_per_frame


def test_wrong_result_is_found_where_it_is(picture, monkeypatch):
    def golden(graph, images):
        values = golden_outputs(graph, images)
        if len(images) == 6:
            values[3, 1, 4, 5] += 1
            values[4, 2, 8, 10] -= 2
        return values

    monkeypatch.setattr("slipstick.sim.system.summary.golden_outputs", golden)
    result = simulate_system(picture.folder, frames=6)
    wrong = result.first_mismatch
    assert (result.mismatches, result.ok) == (2, False)
    assert (wrong.frame, wrong.channel, wrong.row, wrong.column) == (3, 1, 4, 5)
    assert wrong.expected == wrong.got + 1


def test_wrong_result_of_the_measured_runs_is_found(picture, monkeypatch):
    def golden(graph, images):
        values = golden_outputs(graph, images)
        values[len(images) // 8 :, 0, 0, 0] += len(images) == 128
        return values

    monkeypatch.setattr("slipstick.sim.system.summary.golden_outputs", golden)
    result = simulate_system(picture.folder, frames=6)
    assert (result.mismatches, result.first_mismatch.frame) == (128 - 16, 16)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"violations": ("cycle 7: AR crosses 4 KiB",)}, "cycle 7: AR crosses 4 KiB"),
        ({"error": "the batch failed", "counters": None}, "the driver says: the batch failed"),
    ],
)
def test_what_goes_wrong_is_told_and_fails_the_command(picture, cli, monkeypatch, change, line):
    ran = Host.run
    monkeypatch.setattr(
        Host, "run", lambda *args, **kw: dataclasses.replace(ran(*args, **kw), **change)
    )
    done = cli("simulate", picture.folder, "--system", "--frames", "2")
    assert done.code == 1
    assert line in done.out


def test_driver_that_stops_is_told_with_fewer_results(picture, monkeypatch):
    def run(self, images, *_):
        outputs = golden_outputs(self_graph, images)[:1]
        return HostedRun(outputs, None, "memory has stopped answering the core", ())

    from slipstick.built import read_build

    _, self_graph = read_build(picture.folder)
    monkeypatch.setattr(Host, "run", run)
    result = simulate_system(picture.folder, frames=3)
    assert (result.mismatches, result.cycles_per_frame, result.ok) == (0, None, False)
    assert result.error == "memory has stopped answering the core"


def test_command_prints_tables_and_json(picture, cli):
    done = cli("simulate", picture.folder, "--system", "--frames", "3")
    assert done.code == 0
    assert " with a fast memory" in done.out
    done = cli("simulate", picture.folder, "--system", "--frames", "3", "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert (document["frames"], document["mismatches"]) == (3, 0)


@pytest.mark.parametrize(
    "options",
    [
        ["--system", "--fast"],
        ["--system", "--simulator", "icarus"],
        ["--system", "--waves", "w.vcd"],
        ["--arm"],
    ],
)
def test_options_that_do_not_go_together_are_refused(picture, cli, options):
    refused(cli, picture.folder, "simulate", picture.folder, *options)


def test_missing_c_compiler_is_named_with_its_package(picture, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(SlipstickError, match="apt-get install gcc"):
        simulate_system(picture.folder, frames=1)


@pytest.mark.parametrize("package", ["unicorn", "ziglang"])
def test_missing_package_of_the_arm_run_is_named(picture, monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(SlipstickError, match=f"pip install {package}"):
        simulate_system(picture.folder, frames=1, arm=True)


def test_interrupted_run_ends_its_processes(picture, tmp_path):
    # Enough for half a minute.
    images = np.zeros((1 << 14, *picture.images.shape[1:]), np.float32)
    np.savez_compressed(tmp_path / "images.npz", images=images)
    copy = shutil.copytree(picture.folder, tmp_path / "copy")
    command = [sys.executable, "-m", "slipstick.cli", "simulate", copy, "--system"]
    command += ["--images", tmp_path / "images.npz"]
    process = subprocess.Popen(
        [*map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not _driver_runs(process.pid):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
    assert not _driver_runs(process.pid)


def _driver_runs(session):
    """Whether a driver runs in that session of processes."""
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "args="], capture_output=True, text=True, check=False
    )
    return "slipstick-host" in listed.stdout


def test_python_driver_runs_on_the_simulated_system(picture):
    with SimulatedSystem(picture.library, 5, "random") as system:
        transport = SimulatedTransport(system, picture.model.clock_hz)
        accelerator = Accelerator(transport, picture.model, frames=4)
        images = picture.images[:6]
        found = accelerator.infer(images)
        golden = np.frombuffer(picture.results[:6].tobytes(), "<i2").reshape(6, 9, 11, 3)
        assert np.array_equal(found, golden.transpose(0, 3, 1, 2))
        assert system.violations == []


@needs_arm
@pytest.mark.parametrize("code", ["arm", "thumb"])
def test_program_of_the_board_runs_on_the_emulated_processor(picture, monkeypatch, code):
    # GNU's own library mixes both.
    target = f"-target {code}-freestanding-eabi -mcpu=cortex_a9 -fno-sanitize=all"
    monkeypatch.setenv("ARM_CC", f"{sys.executable} -m ziglang cc {target}")
    result = simulate_system(picture.folder, frames=3, seed=2, arm=True)
    assert (result.frames, result.mismatches, result.error) == (3, 0, None)
    assert result.violations == ()
    assert 99 <= result.cycles_per_frame <= 100
    assert result.processor == "an emulated Cortex-A9"


@pytest.fixture(scope="session")
def shipped(root, tmp_path_factory):
    """Compiles a shipped checkpoint."""
    from slipstick import compile as compile_model

    data = root / "examples/data"
    folder = tmp_path_factory.mktemp("shipped")

    def compiled(name):
        return compile_model(
            root / f"examples/checkpoints/{name}.pt2",
            output=folder / name,
            calibrate=data / "fashion_mnist_calibration.npz",
            evaluate=data / "fashion_mnist_test.npz",
        ).folder

    yield compiled
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_thousand_images_on_a_shipped_network(root, shipped, tmp_path, name):
    # The test images that are shipped, twice.
    with np.load(root / "examples/data/fashion_mnist_test.npz") as archive:
        twice = {key: np.concatenate([archive[key]] * 2) for key in ("images", "labels")}
    images = tmp_path / "images.npz"
    np.savez_compressed(images, **twice)
    folder = shipped(name)
    result = simulate_system(folder, images=images, frames=1000)
    assert (result.frames, result.mismatches, result.error) == (1000, 0, None)
    assert result.violations == ()
    assert result.accuracy == result.integer_accuracy
    result = simulate_system(folder, images=images, frames=2, arm=True)
    assert (result.mismatches, result.error, result.violations) == (0, None, ())
