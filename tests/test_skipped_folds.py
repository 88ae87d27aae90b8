"""Folds without weights take no cycle: what the plan says and what the circuit does."""

import numpy as np
import pytest
from networks import frames_for
from test_network_rtl import run_network

from slipstick.fold import FoldChoices, PinnedFold, plan
from slipstick.graph import Flatten, Graph, Window
from slipstick.graph.nodes import Input, Move, Node, ShiftMatmul

SAME = Window((3, 3), (1, 1), (1, 1, 1, 1))
SIGNS = np.random.default_rng(3).choice([-1, 1], (1, 8, 8, 3, 3))


def shift(name: str, source: str, sign: np.ndarray, window: Window, groups: int = 1) -> Node:
    """Weights of two exponents; the bias tells outputs without any apart."""
    exponent = np.arange(sign.size).reshape(sign.shape) % 2
    bias = 7 * np.arange(sign.shape[1])
    return ShiftMatmul(name, (source,), exponent, sign, 0, bias, window, groups)


def layer(sign: np.ndarray, window: Window = SAME, groups: int = 1) -> Graph:
    """One layer on an image of 8 channels."""
    image = Input("input", (), (8, 7, 9), 4, 0, 255)
    return Graph((image, shift("layer", "input", sign, window, groups)), "layer")


def steps_of(graph: Graph, *fold: int) -> int:
    """Steps of an output pixel, checked against the circuit and its interval."""
    node = graph.nodes[-1].name
    decided = plan(graph, FoldChoices(pinned={node: PinnedFold(*fold)}))
    frames = frames_for(graph, 4, 1)
    got, expected, intervals = run_network(graph, decided, frames, 0, 0, 0)
    assert got == expected
    assert abs(intervals[-1] - decided.cycles) <= max(2, 0.02 * decided.cycles)
    stage = decided.stages[-1]
    assert stage.walk is not None
    height, width = stage.walk.output_size
    return stage.walk.cycles // (height * width)


def test_all_weights_take_all_steps():
    assert steps_of(layer(SIGNS), 4, 2, 3) == 2 * 4 * 3


def test_inputs_outputs_and_taps_without_weights_are_skipped():
    sign = SIGNS.copy()
    sign[:, :, 2:6] = 0
    assert steps_of(layer(sign), 4, 2, 3) == 2 * 2 * 3
    sign[:, :, :, 1] = 0
    assert steps_of(layer(sign), 4, 2, 3) == 2 * 2 * 2
    # An output beat of nothing but biases keeps one step.
    sign[:, 4:] = 0
    assert steps_of(layer(sign), 4, 2, 3) == 2 * 2 + 1


def test_single_weights_are_skipped_where_a_lane_does_one_a_cycle():
    sign = np.random.default_rng(4).integers(-1, 2, SIGNS.shape)
    assert steps_of(layer(sign), 1, 1, 1) == np.count_nonzero(sign)


def test_a_layer_of_biases_keeps_a_step_a_beat():
    assert steps_of(layer(0 * SIGNS), 4, 8, 9) == 2


@pytest.mark.parametrize(("outputs", "inputs", "steps"), [(2, 2, 5), (4, 2, 3)])
def test_groups_skip_their_own(outputs: int, inputs: int, steps: int):
    sign = SIGNS[:, :, :4].copy()
    sign[:, 2:4] = 0
    sign[:, 4:, :2] = 0
    window = Window((3, 3), (2, 1), (1, 1, 0, 2))
    assert steps_of(layer(sign, window, groups=2), outputs, inputs, 9) == steps


def test_moved_channels_are_skipped():
    sign = SIGNS[..., :1, :1].copy()
    sign[:, :, 4:] = 0
    image = Input("input", (), (8, 7, 9), 4, -128, 127)
    dy, dx = np.arange(8) % 3 - 1, np.arange(8) // 3 - 1
    move = Move("move", ("input",), np.arange(8), dy, dx, "zero")
    graph = Graph((image, move, shift("layer", "move", sign, Window())), "layer")
    assert steps_of(graph, 8, 4, 1) == 1


def test_flattened_channels_are_skipped_in_the_order_they_pass():
    image = Input("input", (), (4, 3, 3), 4, -128, 127)
    sign = np.ones((1, 6, 4, 3, 3), np.int64)
    sign[:, :, 1:3] = 0
    flat = shift("layer", "flat", sign.reshape(1, 6, 36, 1, 1), Window())
    graph = Graph((image, Flatten("flat", ("input",)), flat), "layer")
    assert steps_of(graph, 6, 2, 1) == 18
    assert steps_of(graph, 6, 1, 1) == 18


def test_fewer_weights_give_a_faster_network_of_as_many_lanes():
    sign = SIGNS.copy()
    sign[:, :, 1::2] = 0
    # The lanes find the channels that count where each reads one.
    dense, sparse = (plan(layer(each), FoldChoices(24)).cycles for each in (SIGNS, sign))
    assert sparse * 2 == dense
