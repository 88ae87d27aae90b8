"""Frames of the build folder and of a user: onto the grid, or one error."""

import numpy as np
import pytest
from sim_toy import SHAPE, make_graph

from slipstick.errors import SlipstickError
from slipstick.sim.frames import load_frames

GRAPH = make_graph()
GOOD = np.zeros((2, *SHAPE), np.int32)


@pytest.fixture
def load(tmp_path):
    """Writes arrays as a user's images and loads them."""

    def save_and_load(count=None, **arrays):
        np.savez(tmp_path / "i.npz", **arrays)
        return load_frames(tmp_path, GRAPH, tmp_path / "i.npz", count)

    return save_and_load


def test_images_are_rounded_half_up_and_saturated(load):
    images = np.zeros((1, *SHAPE))
    # The grid is eighths.
    images.flat[:5] = [0.0625, -0.0625, 0.0624, 99, -99]
    assert load(images=images).images.flat[:5].tolist() == [1, 0, 0, 127, -128]


def test_only_the_first_frames_are_taken(load):
    frames = load(3, images=np.zeros((4, *SHAPE)), labels=np.arange(4))
    assert (len(frames), frames.labels.tolist()) == (3, [0, 1, 2])


def test_labels_that_are_all_unknown_are_none(load):
    assert load(images=np.zeros((4, *SHAPE)), labels=np.full(4, -1)).labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GOOD + 0.0}, "no array 'images'"),
        ({"images": GOOD[:, :1] + 0.0}, "shape N x 2 x 3 x 4"),
        ({"images": GOOD[:0] + 0.0}, "shape N x 2 x 3 x 4"),
        ({"images": GOOD + np.nan}, "NaN"),
        ({"images": GOOD + 0.0, "labels": np.zeros(3, int)}, "labels must be 2 integers"),
    ],
)
def test_images_that_do_not_fit_are_one_error(load, arrays, message):
    with pytest.raises(SlipstickError, match=message):
        load(**arrays)


@pytest.mark.parametrize(
    "arrays",
    [
        {"pictures": GOOD},
        {"images": GOOD[:, :1]},
        {"images": GOOD + 1000},
        {"images": GOOD + 0.5},
        {"images": GOOD, "labels": np.zeros(3, int)},
        {"images": np.array([{}], object)},
    ],
)
def test_damaged_frames_of_a_build_are_one_error(tmp_path, arrays):
    np.savez(tmp_path / "frames.npz", **arrays)
    with pytest.raises(SlipstickError, match="compile the model again"):
        load_frames(tmp_path, GRAPH, None, None)


def test_truncated_and_missing_frames_of_a_build_are_one_error(tmp_path):
    np.savez(tmp_path / "whole.npz", images=GOOD)
    for content in (b"", b"hello", (tmp_path / "whole.npz").read_bytes()[:100]):
        (tmp_path / "frames.npz").write_bytes(content)
        with pytest.raises(SlipstickError, match="cannot be read"):
            load_frames(tmp_path, GRAPH, None, None)
    with pytest.raises(SlipstickError, match="cannot be read"):
        load_frames(tmp_path / "missing", GRAPH, None, None)
