"""Images of a user: onto the grid, or one error."""

import numpy as np
import pytest
from sim_toy import SHAPE, make_graph

from slipstick.errors import SlipstickError
from slipstick.sim.frames import load_frames

GRAPH = make_graph()


def load(path, count=None):
    return load_frames(path.parent, GRAPH, path, count)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_images_are_rounded_half_up_and_saturated(tmp_path):
    images = np.zeros((1, *SHAPE))
    # The grid is eighths.
    images.flat[:5] = [0.0625, -0.0625, 0.0624, 99, -99]
    values = load(save(tmp_path / "i.npz", images=images)).images
    assert values.flat[:5].tolist() == [1, 0, 0, 127, -128]


def test_only_the_first_frames_are_taken(tmp_path):
    path = save(tmp_path / "i.npz", images=np.zeros((4, *SHAPE)), labels=np.arange(4))
    frames = load(path, 3)
    assert (len(frames), frames.labels.tolist()) == (3, [0, 1, 2])


def test_labels_that_are_all_unknown_are_none(tmp_path):
    path = save(tmp_path / "i.npz", images=np.zeros((4, *SHAPE)), labels=np.full(4, -1))
    assert load(path).labels is None


GOOD = np.zeros((2, *SHAPE))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GOOD}, r"no array 'images', only \['pictures'\]"),
        ({"images": GOOD[:, :1]}, r"shape N x 2 x 3 x 4, not \(2, 1, 3, 4\)"),
        ({"images": GOOD[0]}, "shape N x 2 x 3 x 4"),
        ({"images": GOOD[:0]}, "is empty"),
        ({"images": GOOD.astype(str)}, "must be numbers"),
        ({"images": GOOD + np.nan}, "NaN or infinite"),
        ({"images": GOOD + np.inf}, "NaN or infinite"),
        ({"images": GOOD, "labels": np.zeros(3, int)}, "'labels' must be 2 integers"),
        ({"images": GOOD, "labels": np.zeros(2)}, "'labels' must be 2 integers"),
        ({"images": np.array([{}], object)}, "cannot be read"),
    ],
)
def test_images_that_do_not_fit_are_one_error(tmp_path, arrays, message):
    with pytest.raises(SlipstickError, match=message):
        load(save(tmp_path / "i.npz", **arrays))


def test_files_that_cannot_be_read_are_one_error(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "cut.npz").write_bytes(save(tmp_path / "i.npz", images=GOOD).read_bytes()[:100])
    np.save(tmp_path / "single.npy", GOOD)
    for name in ("missing.npz", "text.npz", "cut.npz", "single.npy", "."):
        with pytest.raises(SlipstickError, match="cannot be read"):
            load(tmp_path / name)
