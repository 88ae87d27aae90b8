"""A move of the integer graph, value by value."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slipstick.graph import Graph, Input, Move, run
from slipstick.graph.infer import infer
from slipstick.graph.nodes import NOTHING

SIZES = st.integers(1, 6)


def read(frame, channel, boundary, row, column):
    """What a read at ``row``, ``column`` of a channel gives."""
    if channel == NOTHING:
        return 0
    image = frame[channel]
    height, width = image.shape
    if boundary == "address":
        place = row * width + column
        return image.flat[place] if 0 <= place < image.size else 0
    return image[row, column] if 0 <= row < height and 0 <= column < width else 0


@given(SIZES, SIZES, st.sampled_from(["zero", "address"]), st.integers(0, 999))
def test_every_value_comes_from_its_place(height, width, boundary, seed):
    rng = np.random.default_rng(seed)
    # Moves reach beyond the image, and a channel may be read twice or never.
    channel, (dy, dx) = rng.integers(NOTHING, 3, 5), rng.integers(-7, 8, (2, 5))
    move = Move("move", ("input",), channel, dy, dx, boundary)
    graph = Graph((Input("input", (), (3, height, width), 0, -8, 7), move), "move")
    frames = rng.integers(-8, 8, (2, 3, height, width))
    found = run(graph, torch.from_numpy(frames))["move"].numpy()
    for frame, output, row, column in np.ndindex(2, 5, height, width):
        place = row + dy[output], column + dx[output]
        expected = read(frames[frame], channel[output], boundary, *place)
        assert found[frame, output, row, column] == expected
    tensor = graph.tensors["move"]
    assert (found >= tensor.lo[:, None, None]).all()
    assert (found <= tensor.hi[:, None, None]).all()


@pytest.mark.parametrize(("dy", "lo", "hi"), [(0, 3, 9), (1, 0, 9)])
def test_only_what_moves_can_read_outside(dy, lo, hi):
    source = infer(Input("input", (), (1, 4, 4), 0, 3, 9))
    zero = np.zeros(1, np.int64)
    tensor = infer(Move("move", ("input",), zero, zero + dy, zero), source)
    assert (tensor.lo.item(), tensor.hi.item()) == (lo, hi)
