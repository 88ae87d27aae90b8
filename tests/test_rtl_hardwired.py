"""Hardwired layers against the plain sums of numpy, and as the compiler builds them."""

from itertools import pairwise

import numpy as np
import pytest
from amaranth.hdl import Fragment
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from networks import frames_for
from test_network_rtl import run_network
from test_rtl_engine import PAUSES, check_engine, reader_of

from slipstick.elaborate.stage import component
from slipstick.fold import FoldChoices, PinnedFold, plan
from slipstick.graph import Affine, Graph, Input, L1Matmul, ShiftMatmul, Window
from slipstick.rtl_templates.adder_graph import Operand
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift, signed_digits
from slipstick.rtl_templates.hardwired_sums import solve
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.single_step import SingleStep
from slipstick.rtl_templates.window_walk import WindowWalk

QUICK = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])


@st.composite
def single_steps(draw):
    """A layer all of whose weights are met in one step."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    walk = WindowWalk(
        height=height,
        width=width,
        words=1,
        kernel=kernel,
        stride=draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        padding=draw(st.tuples(*[st.integers(1, 2)] * 4)),
        dilation=(1, 1),
        parallel_taps=kernel[0] * kernel[1],
        beats=1,
        words_per_beat=1,
        beats_per_block=1,
    )
    return walk if min(walk.output_size) > 0 else draw(single_steps())


@st.composite
def words(draw, taps, lanes):
    """Words of ``lanes`` channels whose interval need not fill the format."""
    width, is_signed = draw(st.integers(1, 9)), draw(st.booleans())
    lo = -(1 << (width - 1)) if is_signed else 0
    hi = lo + (1 << width) - 1
    return LaneInput(taps, lanes, width, is_signed, lo, draw(st.integers(max(lo, 0), hi)))


def products(source, exponent, sign, inputs):
    """The sums of floored products, written down as they are meant."""
    outputs, taps, channels, terms = exponent.shape[1:]
    share = outputs // (source.lanes // channels)
    sums = np.zeros((len(inputs), outputs), np.int64)
    for p, tap, channel, term in np.ndindex(outputs, taps, channels, terms):
        x = inputs[:, tap, p // share * channels + channel]
        value = np.floor(x * 2.0 ** exponent[0, p, tap, channel, term]).astype(np.int64)
        sums[:, p] += sign[0, p, tap, channel, term] * value
    return sums


@QUICK
@given(single_steps(), st.data(), PAUSES, st.integers(0, 99))
def test_shift_engine(walk, data, pauses, seed):
    blocks, channels = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 6))
    source = data.draw(words(walk.parallel_taps, blocks * channels))
    outputs = blocks * data.draw(st.integers(1, 4))
    rng = np.random.default_rng(seed)
    shape = (1, outputs, walk.parallel_taps, channels, data.draw(st.integers(1, 3)))
    exponent = rng.integers(data.draw(st.sampled_from([-9, -2, 0])), 8, shape)
    sign = rng.integers(-1, 2, shape)
    sign[:, rng.integers(outputs)] = 0
    lanes = HardwiredShift(source, exponent, sign, data.draw(st.integers(1, 3)))
    inputs = rng.integers(source.lo, source.hi + 1, (50, source.taps, source.lanes))
    got = lanes.model(inputs) + lanes.correction(np.zeros(1, np.int64))
    assert (got == products(source, exponent, sign, inputs)).all()
    total = SingleStep(outputs, lanes.sum_width, False, lanes.sum_lo, lanes.sum_hi)
    engine = Engine(reader_of(walk, lanes), lanes, total, None, total.width)
    check_engine(engine, lanes, total.width, walk, seed, *pauses)


@QUICK
@given(single_steps(), st.data(), PAUSES, st.integers(0, 99))
def test_l1_engine(walk, data, pauses, seed):
    blocks, channels = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    source = data.draw(words(walk.parallel_taps, blocks * channels))
    share = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(seed)
    shape = (1, blocks * share, walk.parallel_taps, channels)
    weight = rng.integers(source.lo, source.hi + 1, shape)
    # Weights at the ends of the interval, and an output of nothing but the lower one.
    weight = np.where(rng.integers(0, 3, shape), weight, rng.choice([source.lo, source.hi], shape))
    weight[:, rng.integers(blocks * share)] = source.lo
    lanes = HardwiredL1(source, weight)
    inputs = rng.integers(source.lo, source.hi + 1, (50, source.taps, source.lanes))
    got = lanes.model(inputs) + lanes.correction(np.zeros(1, np.int64))
    for p, w in enumerate(weight[0]):
        x = inputs[:, :, p // share * channels : (p // share + 1) * channels]
        assert (got[:, p] == -np.abs(x - w).sum(axis=(1, 2))).all()
    total = SingleStep(lanes.outputs, lanes.sum_width, False, lanes.sum_lo, lanes.sum_hi)
    engine = Engine(reader_of(walk, lanes), lanes, total, None, total.width)
    check_engine(engine, lanes, total.width, walk, seed, *pauses)


@given(st.integers(-5000, 5000))
def test_signed_digits_are_the_value_and_never_neighbours(value):
    digits = signed_digits(value)
    assert sum(digit << shift for shift, digit in digits) == value
    shifts = [shift for shift, _ in digits]
    assert all(b - a > 1 for a, b in pairwise(shifts))


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_graph_is_the_sums_within_its_bounds(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    highs = rng.integers(0, 300, inputs)
    weight = rng.integers(-40, 41, (outputs, inputs)) * rng.integers(0, 2, (outputs, inputs))
    sums = [
        [
            Operand(node, shift, digit < 0)
            for node, w in enumerate(row)
            for shift, digit in signed_digits(int(w))
        ]
        for row in weight
    ]
    solved = solve(highs.tolist(), sums)
    constants = solved.evaluate([0] * inputs)
    for x in (rng.integers(0, highs + 1), highs):
        nodes = solved.graph.evaluate(x.tolist())
        assert all(0 <= v <= hi for v, hi in zip(nodes, solved.graph.highs, strict=True))
        got = np.array(solved.evaluate(x.tolist())) - constants
        assert got.tolist() == (weight @ x).tolist()
    assert max(solved.graph.levels) <= solved.depth
    assert solve(highs.tolist(), sums) == solved


@pytest.mark.parametrize(("operands", "depth"), [(2, 1), (3, 3), (16, 5), (64, 7), (144, 8)])
def test_depth_leaves_room_for_half_as_many_operands_again(operands, depth):
    solved = solve([255] * operands, [[Operand(node, 0, False) for node in range(operands)]])
    assert solved.depth == depth
    assert solved.evaluate([1] * operands) == [operands + solved.evaluate([0] * operands)[0]]


def test_shared_sums_are_formed_once():
    """By hand: x0 + 2 x1 is in all of four outputs, one of them shifted, one negated."""
    pair = (Operand(0, 0, False), Operand(1, 1, False))
    shifted = tuple(o._replace(shift=o.shift + 3) for o in pair)
    negated = tuple(o._replace(negative=True) for o in pair)
    solved = solve([255] * 3, [pair, shifted, negated, (*pair, Operand(2, 0, False))])
    assert len(solved.graph.rows) == 2


def shift(name, source, shape, seed, window, groups=1, terms=1):
    """A layer of random weights, some of them 0."""
    rng = np.random.default_rng(seed)
    shape = (terms, *shape)
    exponent, sign = rng.integers(0, 5, shape), rng.integers(-1, 2, shape)
    return ShiftMatmul(name, (source,), exponent, sign, 0, 9 * np.arange(shape[1]), window, groups)


def requantised(name, source, channels, drop):
    """Back to 5 unsigned bits."""
    ones = np.ones((1, channels), np.int64)
    return Affine(name, (source,), 0 * ones, ones, np.zeros(channels, np.int64), drop, 0, 31, 0)


def network():
    """A convolution of two terms, a depthwise, a grouped, a 1x1 and an L1 layer."""
    same, strided = Window((3, 3), (1, 1), (1, 1, 1, 1)), Window((3, 3), (2, 1), (0, 1, 2, 0))
    pixel = Window((1, 1), (1, 1), (0, 0, 0, 0))
    weights = np.random.default_rng(5).integers(-4, 40, (4, 5, 1, 1))
    return Graph(
        (
            Input("input", (), (3, 8, 9), 4, -16, 15),
            shift("full", "input", (8, 3, 3, 3), 1, same, terms=2),
            requantised("a", "full", 8, 3),
            shift("depthwise", "a", (8, 1, 3, 3), 2, strided, 8),
            requantised("b", "depthwise", 8, 2),
            shift("grouped", "b", (6, 4, 3, 3), 3, same, 2),
            requantised("c", "grouped", 6, 4),
            shift("pixel", "c", (5, 6, 1, 1), 4, pixel),
            requantised("d", "pixel", 5, 4),
            L1Matmul("distance", ("d",), weights, np.zeros(4, np.int64), pixel, 1),
        ),
        "distance",
    )


@pytest.mark.parametrize(("idle", "stall"), [(0, 0), (0.3, 0.3)])
def test_network_of_hardwired_layers_takes_a_pixel_a_cycle(idle, stall):
    graph = network()
    folds = {
        "full": PinnedFold(8, 3, 9),
        "depthwise": PinnedFold(8, 1, 9),
        "grouped": PinnedFold(6, 4, 9),
        "pixel": PinnedFold(5, 6, 1),
        "distance": PinnedFold(4, 5, 1),
    }
    decided = plan(graph, FoldChoices(pinned=folds))
    for stage in decided.stages:
        engine = component(stage.nodes.node, stage, graph)
        assert isinstance(engine._lanes, (HardwiredShift, HardwiredL1))
        Fragment.get(engine, None)
    assert decided.cycles == 8 * 9
    got, expected, intervals = run_network(graph, decided, frames_for(graph, 4, 1), idle, stall, 1)
    assert got == expected
    if not idle:
        assert intervals[-1] == 8 * 9
