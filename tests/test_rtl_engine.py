"""The engine and its rooms, each against its integer model."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Fragment, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from streams import refuses, run_stream, to_words

from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine, AffineConstants
from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.arithmetic import Bounded, tree_latency
from slipstick.rtl_templates.compressor import compressor_latency, compressor_tree
from slipstick.rtl_templates.credits import Credits
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.pool_lanes import PoolLanes
from slipstick.rtl_templates.row_ring import ram_style
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.window_reader import WindowReader
from slipstick.rtl_templates.window_walk import WindowWalk


@st.composite
def walks(draw, blocks=False):
    """Any geometry: odd sizes, strides and paddings larger than the kernel, rows never read."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    words = draw(st.integers(1, 3))
    beats = words if blocks else draw(st.integers(1, 3))
    fields = {
        "height": height,
        "width": width,
        "words": words,
        "kernel": kernel,
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(*[st.integers(0, 3)] * 4)),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "parallel_taps": draw(st.sampled_from(WindowWalk.legal_parallel_taps(kernel))),
        "beats": beats,
        "words_per_beat": 1 if blocks else words,
        "beats_per_block": 1 if blocks else beats,
    }
    walk = WindowWalk(**fields)
    if min(walk.output_size) < 1:
        return draw(walks(blocks))
    return WindowWalk(**fields, skipped=draw(skips(walk)))


@st.composite
def skips(draw, walk):
    """No steps, or any of them such that every output beat keeps one."""
    if draw(st.booleans()):
        return ()
    skipped = draw(st.sets(st.integers(0, len(walk.kept) - 1)))
    keeps = [draw(st.integers(0, walk.steps_per_beat - 1)) for _ in range(walk.beats)]
    kept = {beat * walk.steps_per_beat + step for beat, step in enumerate(keeps)}
    return tuple(sorted(skipped - kept))


@st.composite
def formats(draw, taps):
    """Words of a few narrow or wide lanes, signed or not."""
    width, is_signed = draw(st.integers(2, 16)), draw(st.booleans())
    lo = -(1 << (width - 1)) if is_signed else 0
    return LaneInput(taps, draw(st.integers(1, 3)), width, is_signed, lo, lo + (1 << width) - 1)


def check_engine(engine, lanes, out_width, walk, seed, idle, stall):
    """Three frames back to back; the last of them must take exactly the interval."""
    source = lanes.source
    rng = np.random.default_rng(seed)
    words = walk.height * walk.width * walk.words
    frames = rng.integers(source.lo, source.hi + 1, (3, words, source.lanes))
    expected = engine.model(frames)
    run = run_stream(
        engine,
        to_words(frames.reshape(-1, source.lanes), source.width),
        expected.shape[0] * expected.shape[1],
        idle=idle,
        stall=stall,
        seed=seed,
    )
    assert run.output == to_words(expected.reshape(-1, lanes.outputs), out_width)
    interval = max(walk.cycles, words)
    # A frame shorter than the pipeline waits for its own latency.
    if not idle and not stall and interval >= 64:
        ends = run.cycles["o"][expected.shape[1] - 1 :: expected.shape[1]]
        assert ends[2] - ends[1] == interval


# Without shrinking: a failing engine would be built a thousand times.
QUICK = settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
ROM_STYLES = st.sampled_from(["lut", "block"])
PAUSES = st.sampled_from([(0, 0), (0, 0), (0.3, 0.3), (0, 0.7), (0.7, 0)])


def reader_of(walk, lanes, outside=0):
    """The line buffer in front of ``lanes``."""
    return WindowReader(walk, lanes.source.lanes, lanes.source.width, outside)


def summing(lanes, walk):
    """Accumulators for whatever the lanes can give."""
    steps = walk.steps_per_beat
    return Accumulate(
        lanes.outputs, lanes.sum_width, lanes.sum_lo < 0, lanes.sum_lo * steps, lanes.sum_hi * steps
    )


@QUICK
@given(walks(), st.data(), PAUSES, st.integers(0, 99))
def test_l1_engine(walk, data, pauses, seed):
    source = data.draw(formats(walk.parallel_taps))
    rng = np.random.default_rng(seed)
    shape = (len(walk.kept), data.draw(st.integers(1, 3)))
    weight = rng.integers(source.lo, source.hi + 1, (*shape, walk.parallel_taps, source.lanes))
    lanes = L1Lanes(source, weight, data.draw(ROM_STYLES))
    total = summing(lanes, walk)
    engine = Engine(reader_of(walk, lanes), lanes, total, None, total.width)
    check_engine(engine, lanes, total.width, walk, seed, *pauses)


@QUICK
@given(walks(), st.data(), PAUSES, st.integers(0, 99))
def test_shift_engine(walk, data, pauses, seed):
    source = data.draw(formats(walk.parallel_taps))
    rng = np.random.default_rng(seed)
    shape = (len(walk.kept), data.draw(st.integers(1, 3)))
    shape = (*shape, walk.parallel_taps, source.lanes, data.draw(st.integers(1, 3)))
    # Negative exponents cut bits off.
    lowest = data.draw(st.integers(-5, 2))
    exponent = rng.integers(lowest, lowest + data.draw(st.integers(1, 17)), shape)
    signs = data.draw(st.sampled_from([[1], [-1, 1], [0, 1], [-1, 0, 1], [-1, 0, 0, 0]]))
    lanes = ShiftLanes(source, exponent, rng.choice(signs, shape), data.draw(ROM_STYLES))
    total = summing(lanes, walk)
    engine = Engine(reader_of(walk, lanes), lanes, total, None, total.width)
    check_engine(engine, lanes, total.width, walk, seed, *pauses)


@pytest.mark.parametrize("lowest", [0, -4])
@pytest.mark.parametrize("spread", [1, 2, 3, 6, 9, 16])
@pytest.mark.parametrize("is_signed", [False, True])
def test_shift_lanes_lack_what_they_say(lowest, spread, is_signed):
    rng = np.random.default_rng(spread)
    lo = -128 if is_signed else 0
    shape = (12, 2, 3, 2, 2)
    exponent, sign = rng.integers(lowest, lowest + spread, shape), rng.integers(-1, 2, shape)
    words = rng.integers(lo, lo + 256, (24, 3, 2))
    x = words.reshape(2, 12, 1, 3, 2, 1)
    products = sign * np.where(exponent < 0, x >> np.abs(exponent), x << np.maximum(exponent, 0))
    expected = products.sum(axis=(3, 4, 5))
    source, starts = LaneInput(3, 2, 8, is_signed, lo, lo + 255), np.arange(12)
    lanes = ShiftLanes(source, exponent, sign)
    sums = lanes.model(words).reshape(2, 12, 2)
    np.testing.assert_array_equal(sums + lanes.correction(starts), expected)
    assert lanes.sum_lo <= sums.min() <= sums.max() <= lanes.sum_hi
    bias = rng.integers(-1000, 1000, (12, 2))
    biased = ShiftLanes(source, exponent, sign, bias=bias)
    np.testing.assert_array_equal(biased.model(words).reshape(2, 12, 2), expected + bias)
    assert not biased.correction(starts).any()
    # Amaranth wants every component elaborated.
    Fragment.get(lanes, None)
    Fragment.get(biased, None)


@pytest.mark.parametrize("is_signed", [False, True])
def test_l1_lanes_lack_what_they_say(is_signed):
    rng = np.random.default_rng(1)
    lo = -128 if is_signed else 0
    weight, words = rng.integers(lo, lo + 256, (6, 2, 3, 2)), rng.integers(lo, lo + 256, (12, 3, 2))
    distances = np.abs(words.reshape(2, 6, 1, 3, 2) - weight).sum(axis=(3, 4))
    lanes = L1Lanes(LaneInput(3, 2, 8, is_signed, lo, lo + 255), weight)
    sums = lanes.model(words).reshape(2, 6, 2)
    np.testing.assert_array_equal(lanes.correction(np.arange(6)) - sums, -distances)
    assert lanes.sum_lo <= sums.min() <= sums.max() <= lanes.sum_hi
    Fragment.get(lanes, None)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 13, 40])
def test_compressors_add(rows):
    m = Module()
    m.domains.sync = ClockDomain()
    widths = [1 + index % 7 for index in range(rows)]
    inputs = [Signal(width) for width in widths]
    bounded = [Bounded(signal, 0, (1 << len(signal)) - 1) for signal in inputs]
    total = compressor_tree(m, bounded, 12, "total")
    rng = np.random.default_rng(rows)
    ends = [[0] * rows, [(1 << width) - 1 for width in widths]]
    draws = [[int(rng.integers(1 << width)) for width in widths] for _ in range(20)]

    async def bench(ctx):
        for values in ends + draws:
            for signal, value in zip(inputs, values, strict=True):
                ctx.set(signal, value)
            for _ in range(compressor_latency(rows)):
                await ctx.tick()
            assert ctx.get(total.value) == sum(values) % (1 << 12)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert compressor_latency(rows) <= tree_latency(rows)


@QUICK
@given(walks(blocks=True), st.data(), PAUSES, st.integers(0, 99), st.sampled_from(["max", "sum"]))
def test_pool_engine(walk, data, pauses, seed, kind):
    source = data.draw(formats(walk.parallel_taps))
    lanes = PoolLanes(source, kind)
    scale = walk.steps_per_beat if kind == "sum" else 1
    total = Accumulate(
        lanes.outputs,
        lanes.sum_width,
        lanes.sum_lo < 0,
        lanes.sum_lo * scale,
        lanes.sum_hi * scale,
        kind,
    )
    outside = source.lo if kind == "max" else 0
    engine = Engine(reader_of(walk, lanes, outside), lanes, total, None, total.width)
    check_engine(engine, lanes, total.width, walk, seed, *pauses)


class CountedLosses(wiring.Component):
    """A stage, and how often it said that it cut a channel off."""

    def __init__(self, stage):
        self.stage = stage
        members = {name: stage.signature.members[name] for name in ("i", "o")}
        super().__init__({**members, "losses": Out(16)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.stage = self.stage
        wiring.connect(m, wiring.flipped(self.i), self.stage.i)
        wiring.connect(m, self.stage.o, wiring.flipped(self.o))
        m.d.sync += self.losses.eq(self.losses + self.stage.saturated)
        return m


def test_saturation_is_told_where_values_are_lost():
    """By hand: 7 bits signed to [-2, 3], where only the upper end is one of a format."""
    ones = np.ones((1, 1, 1), np.int64)
    zero = np.zeros((1, 1), np.int64)
    constants = AffineConstants(
        0 * ones, ones, zero, 0, -2, 3, "floor", zero == 0, saturates=(False, True)
    )
    affine = Affine(1, -64, 63, constants, 3)
    values = np.array([[-64], [-3], [-2], [0], [3], [4], [63]])
    run = run_stream(CountedLosses(AffineStage(affine, 1, 7, True, 3)), to_words(values, 7), 7)
    assert run.output == to_words(np.clip(values, -2, 3), 3)
    assert run.ports["losses"] == 2


@QUICK
@given(st.data(), st.integers(1, 4), st.integers(0, 99), PAUSES)
def test_affine_stage(data, lanes, seed, pauses):
    rng = np.random.default_rng(seed)
    beats, terms = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    width, is_signed = data.draw(st.integers(2, 20)), data.draw(st.booleans())
    out, out_signed = data.draw(st.integers(2, 16)), data.draw(st.booleans())
    lo, out_lo = (
        -(1 << (bits - 1)) if s else 0 for bits, s in ((width, is_signed), (out, out_signed))
    )
    shift = data.draw(st.integers(0, 12))
    constants = AffineConstants(
        exponent=rng.integers(0, 6, (terms, beats, lanes)),
        sign=rng.integers(-1, 2, (terms, beats, lanes)),
        bias=rng.integers(-(1 << 12), 1 << 12, (beats, lanes)),
        shift=shift,
        # Bounds at the ends of the format, and within.
        lo=out_lo + data.draw(st.integers(0, 1)),
        hi=out_lo + (1 << out) - 1 - data.draw(st.integers(0, 1)),
        rounding=data.draw(st.sampled_from(["half_up", "floor", "half_even"])),
        real=rng.integers(0, 4, (beats, lanes)) > 0,
        saturates=data.draw(st.tuples(st.booleans(), st.booleans())),
    )
    affine = Affine(lanes, lo, lo + (1 << width) - 1, constants, out)
    values = rng.integers(lo, lo + (1 << width), (beats * 40, lanes))
    # Halves, where the three roundings differ, and the ends of the interval.
    values[:4] = [[lo + (1 << width) - 1] * lanes, [lo] * lanes, [0] * lanes, [1] * lanes]
    expected = affine.model(values)
    stage = CountedLosses(AffineStage(affine, lanes, width, is_signed, out))
    idle, stall = pauses
    run = run_stream(stage, to_words(values, width), len(values), idle=idle, stall=stall, seed=seed)
    assert run.output == to_words(expected, out)
    assert run.ports["losses"] == affine.saturated(values).sum()
    if not idle and not stall:
        assert run.span("o") == len(values)


def test_half_even_differs_from_half_up_at_ties_only():
    ones = np.ones((1, 1, 1), np.int64)
    common = {
        "exponent": 0 * ones,
        "sign": ones,
        "bias": np.zeros((1, 1), np.int64),
        "shift": 2,
        "lo": -100,
        "hi": 100,
        "real": np.ones((1, 1), bool),
    }
    values = np.arange(-20, 21)[:, None]
    results = {}
    for rounding in ("half_up", "half_even", "floor"):
        affine = Affine(1, -20, 20, AffineConstants(**common, rounding=rounding), 8)
        results[rounding] = affine.model(values)[:, 0]
        stage = AffineStage(affine, 1, 6, True, 8)
        run = run_stream(stage, to_words(values, 6), len(values))
        assert run.output == to_words(results[rounding][:, None], 8)
    quarters = np.arange(-20, 21) / 4
    np.testing.assert_array_equal(results["half_up"], np.floor(quarters + 0.5))
    np.testing.assert_array_equal(results["half_even"], np.round(quarters))
    np.testing.assert_array_equal(results["floor"], np.floor(quarters))


def one_engine():
    """A small L1 layer with padding, whose frames overlap in the line buffer."""
    walk = WindowWalk(5, 4, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 3, 2, 1, 2)
    source = LaneInput(3, 2, 8, False, 0, 255)
    weight = np.random.default_rng(3).integers(0, 256, (6, 2, 3, 2))
    lanes = L1Lanes(source, weight)
    total = summing(lanes, walk)
    return Engine(reader_of(walk, lanes), lanes, total, None, total.width), lanes, total.width, walk


@pytest.mark.parametrize("reset_at", [7, 60, 131])
def test_reset_in_mid_frame_leaves_no_trace(reset_at):
    engine, lanes, width, _ = one_engine()
    frames = np.random.default_rng(1).integers(0, 256, (2, 20, 2))
    expected = engine.model(frames)
    run = run_stream(
        engine,
        to_words(frames.reshape(-1, 2), 8),
        expected.shape[0] * expected.shape[1],
        reset_at=reset_at,
    )
    assert run.output == to_words(expected.reshape(-1, lanes.outputs), width)


def test_ten_thousand_cycles_of_back_pressure():
    engine, lanes, width, _ = one_engine()
    frames = np.random.default_rng(2).integers(0, 256, (3, 20, 2))
    expected = engine.model(frames)
    run = run_stream(
        engine,
        to_words(frames.reshape(-1, 2), 8),
        expected.shape[0] * expected.shape[1],
        hold=10_000,
    )
    assert run.output == to_words(expected.reshape(-1, lanes.outputs), width)


def test_parameters_are_checked():
    with refuses("Parallel taps must be one of (1, 3, 9), not 2"):
        WindowWalk(5, 4, 1, (3, 3), (1, 1), (0, 0, 0, 0), (1, 1), 2, 2, 1, 2)
    with refuses("Beats per block must divide 2, not 3"):
        WindowWalk(5, 4, 1, (3, 3), (1, 1), (0, 0, 0, 0), (1, 1), 3, 2, 1, 3)
    with refuses("Every output beat must keep a step"):
        WindowWalk(5, 4, 1, (3, 3), (1, 1), (0,) * 4, (1, 1), 3, 2, 1, 2, skipped=(3, 4, 5))
    with refuses("Skipped steps must be steps of an output pixel"):
        WindowWalk(5, 4, 1, (3, 3), (1, 1), (0,) * 4, (1, 1), 3, 2, 1, 2, skipped=(6,))
    with refuses("Weights must lie in [0, 15], not [16, 16]"):
        L1Lanes(LaneInput(1, 1, 4, False, 0, 15), np.full((1, 1, 1, 1), 16))
    with refuses("Count must be a positive integer, not 0"):
        Credits(0)


def test_small_memories_go_to_luts():
    assert ram_style(8, 64) == "distributed"
    assert ram_style(64, 2048) == "block"


def test_reader_model_is_the_golden_models_unfold():
    walk = WindowWalk(4, 3, 2, (2, 3), (2, 1), (1, 0, 1, 2), (1, 1), 6, 1, 2, 1)
    with_reader = WindowReader(walk, 1, 8, outside=7)
    frame = np.arange(100, 124)[:, None]
    steps = with_reader.gather(frame)[:, :, 0]
    image = np.full((5, 6, 2), 7)
    image[1:, 1:4] = frame.reshape(4, 3, 2)
    expected = [
        image[2 * oy : 2 * oy + 2, ox : ox + 3, word].ravel()
        for oy in range(2)
        for ox in range(4)
        for word in range(2)
    ]
    np.testing.assert_array_equal(steps, expected)
    # Amaranth wants every component elaborated.
    Fragment.get(with_reader, None)
