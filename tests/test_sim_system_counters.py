"""The counters of the stages against the golden model, with one clock and with two."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from system_bench import DONE, FAILED, Bench, Compiled, errors
from system_networks import Hidden, compiled

from slipstick.built import read_build
from slipstick.graph import Affine, run
from slipstick.graph.execute import execute
from slipstick.streams import pack

FRAMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return compiled(Hidden, tmp_path_factory.mktemp("hidden") / "hidden")


@pytest.fixture(params=[False, True], ids=["one clock", "two clocks"])
def bench(request, folder):
    """Frames that calibration has not seen the like of, so that they saturate."""
    bench = Bench(Compiled(folder, FRAMES, request.param, extreme=True))
    yield bench
    bench.system.close()


def saturated_beats(compiled):
    """Of each stage: beats of the first frames in which a channel is cut off."""
    manifest, graph = read_build(compiled.folder)
    values = run(graph, torch.from_numpy(compiled.images[:FRAMES]))
    counts = []
    for stage, stream in zip(manifest.stages, manifest.streams, strict=True):
        affines = [graph[name] for name in stage.nodes if isinstance(graph[name], Affine)]
        cut = torch.zeros(FRAMES, *stream.shape, dtype=torch.int64)
        for node in affines:
            free = execute(replace(node, lo=-(1 << 62), hi=1 << 62), values[node.inputs[0]])
            below, above = node.saturates
            cut |= below * (free < node.lo) | above * (free > node.hi)
        words = pack(cut.numpy(), stream.layout, 1)
        counts.append(int(np.any(words, axis=2).sum()))
    return counts


def test_stages_count_what_the_golden_model_says(bench):
    expected = saturated_beats(bench.compiled)
    assert sum(expected) > 0, "nothing saturates, so nothing is shown"
    for _ in range(2):
        bench.run_well(FRAMES)
        for number, stream in enumerate(bench.compiled.manifest.streams):
            assert bench.read(f"STAGE[{number}].BEATS") == FRAMES * stream.beats_per_frame
            assert bench.read(f"STAGE[{number}].SATURATED") == expected[number]
        assert bench.read("SATURATIONS") == sum(expected)


def test_saturations_up_to_the_limit_are_allowed_and_one_more_is_not(bench):
    total = sum(saturated_beats(bench.compiled))
    bench.prepare(FRAMES, SATURATION_LIMIT=total)
    bench.start()
    assert (bench.wait(), bench.read("ERRORS")) == (DONE, 0)
    bench.prepare(FRAMES, SATURATION_LIMIT=total - 1)
    bench.start()
    bench.wait()
    bench.wait_until_idle()
    assert bench.read("STATUS") == DONE | FAILED
    assert bench.read("ERRORS") == errors("saturation")
