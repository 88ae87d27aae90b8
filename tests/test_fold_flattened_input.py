"""An image that is only flattened passes several values a beat, pixel by pixel as in memory."""

import warnings

import numpy as np
import pytest
import torch
from networks import frames_for
from test_network_rtl import run_network
from torch import nn

from slipstick import compile as compile_model
from slipstick.config import Config
from slipstick.driver.grid import Grid, to_bytes
from slipstick.estimate.candidates import Tables
from slipstick.estimate.solve import Budget, cheapest
from slipstick.fold import FoldChoices, PinnedFold, plan, plan_with
from slipstick.graph import Add, Argmax, Flatten, Graph, Input, ShiftMatmul, Window
from slipstick.nn import ShiftLinear
from slipstick.sim import simulate
from slipstick.sim.system.run import simulate_system
from slipstick.streams import pack, unpack
from slipstick.system import system_parameters


def linear(name: str, source: str, outputs: int, inputs: int) -> ShiftMatmul:
    rng = np.random.default_rng(len(name))
    shape = (1, outputs, inputs, 1, 1)
    exponent, sign = rng.integers(0, 4, shape), rng.choice([-1, 1], shape)
    return ShiftMatmul(name, (source,), exponent, sign, 0, np.zeros(outputs, int), Window(), 1)


def perceptron(channels: int) -> Graph:
    image = Input("input", (), (channels, 4, 6), 0, -8, 7)
    flat = Flatten("flat", ("input",))
    return Graph(
        (image, flat, linear("fc", "flat", 8, channels * 24), linear("h", "fc", 2, 8)), "h"
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("inputs", [1, 2, 5, 8, 24])
@pytest.mark.parametrize("pauses", [0, 0.4])
def test_circuit_equals_golden_model_at_the_interval_of_its_lanes(channels, inputs, pauses):
    graph = perceptron(channels)
    pinned = {"fc": PinnedFold(8, inputs), "h": PinnedFold(2, 8)}
    decided = plan(graph, FoldChoices(pinned=pinned))
    beats = -(-channels * 24 // inputs)
    assert (decided.cycles, decided.layouts["input"].lanes) == (beats, inputs)
    frames = frames_for(graph, 6, 1)
    got, expected, intervals = run_network(graph, decided, frames, pauses, pauses, 3)
    assert got == expected
    if not pauses and beats >= 9:
        assert intervals[-1] == beats


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("inputs", [1, 5, 8])
def test_beats_hold_the_frame_in_the_order_of_memory(channels, inputs):
    graph = perceptron(channels)
    decided = plan(graph, FoldChoices(pinned={"fc": PinnedFold(8, inputs)}))
    layout, tensor = decided.layouts["input"], graph.tensors["input"]
    frames = frames_for(graph, 2, 1)
    words = pack(frames, layout, 4)
    grid = Grid(shape=tensor.shape, width=4, signed=True, frac=0, element=1, bytes=channels * 24)
    memory = np.frombuffer(to_bytes(grid, frames), np.uint8).reshape(2, -1) & 15
    for frame, beats in zip(memory, words, strict=True):
        values = [int(beat[0]) >> 4 * lane & 15 for beat in beats for lane in range(inputs)]
        assert values[: len(frame)] == frame.tolist()
        assert not any(values[len(frame) :])
    assert np.array_equal(unpack(words, layout, 4, True, tensor.shape), frames)


def branches() -> Graph:
    """Two flattens of the image, read by layers of other folds, and a sum."""
    nodes = (
        Input("input", (), (3, 4, 2), 0, 0, 15),
        Flatten("one", ("input",)),
        Flatten("two", ("input",)),
        linear("a", "one", 4, 24),
        linear("bb", "two", 4, 24),
        Add("sum", ("a", "bb"), (0, 0)),
    )
    return Graph(nodes, "sum")


def test_all_readers_take_the_layout_of_the_first():
    graph = branches()
    pinned = {"a": PinnedFold(2, 6), "bb": PinnedFold(4, 4)}
    decided = plan(graph, FoldChoices(pinned=pinned))
    assert decided.layouts["input"].lanes == 6
    got, expected, _ = run_network(graph, decided, frames_for(graph, 5, 1), 0.2, 0.2, 1)
    assert got == expected


def test_image_that_is_also_read_as_an_image_passes_pixel_by_pixel():
    image = Input("input", (), (2, 2, 2), 0, 0, 15)
    flat = Flatten("flat", ("input",))
    pixels = Argmax("class", ("input",))
    nodes = (image, flat, linear("fc", "flat", 4, 8), pixels, Flatten("last", ("class",)))
    graph = Graph((*nodes, Add("sum", ("fc", "last"), (0, 0))), "sum")
    decided = plan(graph, FoldChoices(pinned={"fc": PinnedFold(4, 8)}))
    assert decided.layouts["input"].lanes == 2


def test_solver_offers_several_pixels_a_beat():
    graph = perceptron(3)
    for interval in (72, 24, 12, 6):
        found = cheapest(Tables(graph, {}), interval, Budget(10**6, 100))
        assert found.interval <= interval
        assert plan_with(graph, found.folds).cycles == found.interval


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.hidden = ShiftLinear(3 * 30, 12)
        self.head = ShiftLinear(12, 5)

    def forward(self, x):
        return self.head(torch.relu(self.hidden(x.flatten(1))))


@pytest.mark.parametrize("inputs", [7, pytest.param(15, marks=pytest.mark.slow)])
def test_compiled_network_runs_from_memory_to_memory(tmp_path, inputs):
    """7 values a beat leave pads in the last one; 15 take more than a word of memory."""
    images = np.random.default_rng(4).uniform(-1, 1, (64, 3, 5, 6)).astype(np.float32)
    np.savez(tmp_path / "images.npz", images=images)
    folds = {"hidden": {"P": 12, "S": inputs}, "head": {"P": 5, "S": 12}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        build = compile_model(
            Perceptron(),
            torch.zeros(1, 3, 5, 6),
            output=tmp_path / "build",
            config=Config.model_validate({"layer": folds}),
            calibrate=tmp_path / "images.npz",
        )
    manifest = build.manifest
    beats = -(-90 // inputs)
    assert (manifest.input.shape, manifest.input.frame_bytes) == ((3, 5, 6), 90)
    assert (manifest.input.beats_per_frame, manifest.cycles_per_frame) == (beats, beats)
    assert system_parameters(manifest).frame.bytes == 90
    fast = simulate(build.folder, fast=True)
    assert (fast.frames, fast.mismatches) == (64, 0)
    whole = simulate_system(build.folder, frames=20, seed=1)
    assert (whole.frames, whole.mismatches, whole.error, whole.violations) == (20, 0, None, ())
