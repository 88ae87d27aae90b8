"""The line buffer that reads every channel at a place of its own."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from streams import refuses, run_stream, to_words

from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.moved_reader import MovedReader
from slipstick.rtl_templates.moved_walk import NOWHERE, LaneMoves, moved_walk
from slipstick.rtl_templates.pool_lanes import PoolLanes

WIDTH = 5
LO, HI = -(1 << (WIDTH - 1)), (1 << (WIDTH - 1)) - 1


@st.composite
def moved_walks(draw):
    """A walk over odd images, of a few words stored and read, and how many lanes are stored."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stored, lanes, words = draw(st.tuples(*[st.integers(1, 3)] * 3))
    read = draw(st.integers(1, 4))
    banks = np.broadcast_to(rng.integers(0, stored, lanes), (read, lanes))
    moves = LaneMoves(
        word=rng.integers(0, words, (read, lanes)),
        lane=np.where(rng.random((read, lanes)) < 0.1, NOWHERE, banks),
        dy=rng.integers(-2, 3, (read, lanes)),
        dx=rng.integers(-3, 4, (read, lanes)),
    )
    height, width = draw(st.tuples(*[st.integers(1, 7)] * 2))
    stride = draw(st.tuples(*[st.integers(1, 2)] * 2))
    boundary = draw(st.sampled_from(["zero", "address"]))
    walk = moved_walk(height, width, words, stride, read, 1, 1, moves, boundary)
    return walk, moves, stored


def engine_of(walk, stored):
    """The reader with nothing behind it."""
    lanes = PoolLanes(LaneInput(1, len(walk.moves.banks), WIDTH, True, LO, HI), "max")
    keep = Accumulate(lanes.outputs, lanes.sum_width, True, LO, HI, "max")
    return Engine(MovedReader(walk, stored, WIDTH), lanes, keep, None, keep.width)


def expected_words(walk, moves, frame):
    """What the steps read of a frame ``(H, W, words, lanes)``, by the definition of a move."""
    height, width = frame.shape[:2]
    rows, columns = walk.output_size
    for row, column, word in np.ndindex(rows, columns, len(moves.lane)):
        y = row * walk.stride[0] + moves.dy[word]
        x = column * walk.stride[1] + moves.dx[word]
        if walk.boundary == "address":
            y, x = y + x // width, x % width
        yield [
            frame[y[k], x[k], moves.word[word, k], bank]
            if bank != NOWHERE and 0 <= y[k] < height and 0 <= x[k] < width
            else 0
            for k, bank in enumerate(moves.lane[word])
        ]


# Without shrinking: a failing engine would be built a thousand times.
@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(
    moved_walks(),
    st.sampled_from([(0, 0), (0, 0), (0.3, 0.3), (0, 0.7), (0.7, 0)]),
    st.integers(0, 99),
)
def test_every_lane_reads_its_own_place(drawn, pauses, seed):
    walk, moves, stored = drawn
    engine = engine_of(walk, stored)
    words = walk.height * walk.width * walk.words
    frames = np.random.default_rng(seed).integers(LO, HI + 1, (3, words, stored))
    shape = (walk.height, walk.width, walk.words, stored)
    beats = [beat for frame in frames for beat in expected_words(walk, moves, frame.reshape(shape))]
    expected = np.array(beats)
    np.testing.assert_array_equal(engine.model(frames).reshape(expected.shape), expected)
    idle, stall = pauses
    sent = to_words(frames.reshape(-1, stored), WIDTH)
    run = run_stream(engine, sent, len(expected), idle=idle, stall=stall, seed=seed)
    assert run.output == to_words(expected, WIDTH)
    interval = max(walk.cycles, words)
    # A frame shorter than the pipeline waits for its own latency.
    if not idle and not stall and interval >= 64:
        ends = run.cycles["o"][len(expected) // 3 - 1 :: len(expected) // 3]
        assert ends[2] - ends[1] == interval


def one_move(**changed):
    """Two lanes of one word, unmoved but for ``changed``."""
    tables = {name: np.zeros((2, 2), np.int64) for name in ("word", "lane", "dy", "dx")}
    return LaneMoves(**(tables | {name: np.array(table) for name, table in changed.items()}))


@pytest.mark.parametrize(
    ("dy", "boundary", "rows"),
    [
        ([[0, 0], [0, 0]], "zero", 1),
        ([[-1, 0], [0, 2]], "zero", 4),
        # Moves that never meet the image store nothing for it.
        ([[-9, 0], [0, 1]], "zero", 2),
        ([[-1, 0], [0, 0]], "address", 2),
    ],
)
def test_rows_are_those_between_the_outermost_moves(dy, boundary, rows):
    walk = moved_walk(8, 8, 1, (1, 1), 2, 1, 1, one_move(dy=dy), boundary)
    assert walk.kernel == (rows, 1)


def test_parameters_are_checked():
    with refuses("A lane must read one stored lane, not [0, 1]"):
        moved_walk(4, 4, 1, (1, 1), 2, 1, 1, one_move(lane=[[0, 0], [1, 0]]), "zero")
    with refuses("Moves must be those of 3 words, not 2"):
        moved_walk(4, 4, 1, (1, 1), 3, 1, 1, one_move(), "zero")
    walk = moved_walk(4, 4, 1, (1, 1), 2, 1, 1, one_move(lane=[[0, 1], [0, 1]]), "zero")
    with refuses("Moves must read lanes below 1, not 1"):
        MovedReader(walk, 1, WIDTH)
