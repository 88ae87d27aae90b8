"""Explorations with real workers, one of which is killed."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch
from command_line import export
from distributed import LocalCluster

from slipstick.nn import ShiftConv2d, ShiftLinear

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The command without its output: two circuits, as small as they get."""
    folder = tmp_path_factory.mktemp("one")
    torch.manual_seed(0)
    module = torch.nn.Sequential(ShiftLinear(4, 2))
    model = export(module, folder / "one.pt2", torch.rand(1, 4))
    rng = np.random.default_rng(0)
    images = folder / "images.npz"
    np.savez(images, images=rng.random((20, 4), np.float32), labels=rng.integers(0, 2, 20))
    program = [sys.executable, "-m", "slipstick.cli", "explore", model, "--calibrate", images]
    return [*map(str, program), "--bits", "4,8", "--lanes", "1", "--clock", "100,200,900", "--json"]


@pytest.fixture(scope="module")
def undisturbed(command, tmp_path_factory):
    """The folder of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    done = subprocess.run([*command, "-o", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def first_job(program):
    """The process of the first step that runs, a child of its worker."""
    while program.poll() is None:
        for child in psutil.Process(program.pid).children(recursive=True):
            try:
                if "slipstick.explore.job" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05)
    raise AssertionError(f"It ended with {program.returncode} before any step ran")


def results(folder):
    return [(folder / name).read_bytes() for name in ("explore.json", "explore.html")]


def test_a_run_gives_points_and_a_front(undisturbed):
    document = json.loads((undisturbed / "explore.json").read_text())
    points = document["points"]
    assert [(p["activation_bits"], p["clock_mhz"]) for p in points] == [
        (bits, clock) for bits in (4, 8) for clock in (100, 200, 900)
    ]
    for slow, fast, too_fast in (points[:3], points[3:]):
        assert fast["frames_per_second"] == 2 * slow["frames_per_second"]
        assert (slow["flaw"], fast["flaw"]) == (None, None)
        assert "more than a cycle" in too_fast["flaw"]
    assert document["front"]
    assert {points[i]["clock_mhz"] for i in document["front"]} == {200}


def test_a_run_whose_worker_was_killed_gives_the_same_bytes(command, undisturbed, tmp_path):
    folder = tmp_path / "out"
    program = subprocess.Popen([*command, "-o", folder], stdout=subprocess.DEVNULL)
    job = first_job(program)
    os.kill(job.ppid(), signal.SIGKILL)
    psutil.wait_procs([job], timeout=60)
    assert not job.is_running()
    assert program.wait() == 0
    assert results(folder) == results(undisturbed)
    # Not even the folder that the killed compilation was filling.
    assert sorted(os.listdir(folder / "builds")) == sorted(os.listdir(undisturbed / "builds"))


def test_an_interrupted_run_leaves_no_process_and_goes_on(command, undisturbed, tmp_path):
    folder = tmp_path / "out"
    program = subprocess.Popen([*command, "-o", folder], stdout=subprocess.DEVNULL)
    first_job(program)
    below = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGINT)
    assert program.wait() == 130
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    done = subprocess.run([*command, "-o", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert results(folder) == results(undisturbed)


def test_workers_of_a_running_scheduler_give_the_same_bytes(command, undisturbed, tmp_path):
    folder = tmp_path / "out"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        where = ["--scheduler", cluster.scheduler_address]
        subprocess.run([*command, *where, "-o", folder], stdout=subprocess.DEVNULL, check=True)
    assert results(folder) == results(undisturbed)


def test_every_axis_is_swept_and_simulated(tmp_path):
    torch.manual_seed(0)
    # One layer whose weights have a width, and a BatchNorm that is not part of other weights.
    norm = torch.nn.BatchNorm2d(2)
    torch.nn.init.constant_(norm.weight, 0.7)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), ShiftConv2d(2, 2, 1), norm).eval()
    model = export(module, tmp_path / "two.pt2", torch.rand(1, 1, 5, 5))
    images = tmp_path / "images.npz"
    np.savez(images, images=np.random.default_rng(0).random((8, 1, 5, 5), np.float32))
    axes = ["--weight-bits", "3,4", "--bn-terms", "1,2", "--interval", "25,90", "--frames", "2"]
    program = [sys.executable, "-m", "slipstick.cli", "explore", model, "--calibrate", images]
    subprocess.run([*program, *axes, "-o", tmp_path / "out"], check=True, capture_output=True)
    points = json.loads((tmp_path / "out" / "explore.json").read_text())["points"]
    found = [(p["weight_bits"], p["bn_terms"], p["interval"]) for p in points]
    assert found == list(itertools.product((3, 4), (1, 2), (25, 90)))
    for point in points:
        assert (point["flaw"], point["mismatches"], point["frames_simulated"]) == (None, 0, 2)
        assert point["cycles_per_frame"] <= point["interval"]
    assert len({(point["lut"], point["ff"]) for point in points}) == len(points)
