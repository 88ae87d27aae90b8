"""A compiled network through both benches."""

import shutil

import numpy as np
import pytest

from slipstick.build_folder import read_manifest
from slipstick.graph import load
from slipstick.sim import simulate
from slipstick.sim.cocotb_bench import CocotbJob, run_scenarios
from slipstick.sim.traffic import Traffic


@pytest.fixture(scope="module")
def folder(build, tmp_path_factory):
    """A copy, so that programs and results do not get into the shared one."""
    copy = tmp_path_factory.mktemp("network") / "moved"
    return shutil.copytree(build.folder, copy)


def test_fast_harness_agrees_on_every_layer(folder, images):
    result = simulate(folder, fast=True, images=images)
    manifest = read_manifest(folder)
    assert (result.frames, result.mismatches, result.violations) == (20, 0, ())
    assert [layer.tensor for layer in result.per_layer] == [s.output for s in manifest.stages]
    assert result.accuracy == result.integer_accuracy
    with np.load(images) as archive:
        assert round(result.accuracy * len(archive["labels"]), 6) % 1 == 0


def test_fast_harness_agrees_under_random_traffic(folder):
    for seed in range(3):
        assert simulate(folder, fast=True, idle=0.5, stall=0.5, seed=seed).mismatches == 0


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_cocotb_bench_agrees_on_every_layer(folder, simulator):
    result = simulate(folder, simulator=simulator, frames=2)
    assert (result.mismatches, result.violations) == (0, ())
    assert result.layers_compared == len(read_manifest(folder).stages)


def test_nothing_that_happens_to_one_frame_harms_the_next(folder):
    names = ("reset_in_frame", "short_frame", "long_frame", "long_stall")
    job = CocotbJob(folder, read_manifest(folder), load(folder / "graph"), Traffic())
    with np.load(folder / "frames.npz") as archive:
        frames = archive["images"][:2].astype(np.int64)
    for name, share in zip(names, run_scenarios(job, frames, names), strict=True):
        seen = share.observed
        assert not seen.deadlocked, name
        assert (name, sum(p.mismatches + p.surplus + p.broken for p in seen.probes)) == (name, 0)
        assert (seen.error_short, seen.error_long) == (name == "short_frame", name == "long_frame")
