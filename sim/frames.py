"""The frames of a simulation: those of the build folder, or a user's own images."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from slipstick import calibration
from slipstick.errors import SlipstickError
from slipstick.graph import Graph, Input
from slipstick.quantise import quantise_input

UNKNOWN = -1
"""Label of a frame whose class is not known."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Integers ``(N, C, H, W)`` on the input's grid, int64; ``labels`` may be None."""

    images: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.images)


def load_frames(folder: Path, graph: Graph, images: Path | None, count: int | None) -> Frames:
    """The first ``count`` frames of ``images``, or of build ``folder`` if that is None.

    Raises `SlipstickError` if the file cannot be read or its images do not fit the network.
    """
    node = graph.input
    assert isinstance(node, Input)
    if images is None:
        values, labels = _kept_frames(folder / "frames.npz", node)
        values = values[:count]
    else:
        found = calibration.load_frames(images, node.shape)
        values = quantise_input(graph, found.images[:count]).numpy()
        labels = None if found.labels is None else found.labels.numpy()
    known = None if labels is None or (labels[:count] == UNKNOWN).all() else labels[:count]
    return Frames(values.astype(np.int64), known)


def _kept_frames(path: Path, node: Input) -> tuple[np.ndarray, np.ndarray | None]:
    """What the compiler left; checked, since a folder may have been damaged on its way."""
    try:
        # Opened here, since numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images = archive["images"]
            labels = archive["labels"] if "labels" in archive.files else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _damaged(path, f"cannot be read ({error})") from error
    fits = images.shape[1:] == node.shape and len(images) and images.dtype.kind in "iu"
    if not fits or images.min() < node.lo or images.max() > node.hi:
        raise _damaged(path, "does not hold the network's input")
    if labels is not None and labels.shape != images.shape[:1]:
        raise _damaged(path, f"holds {len(images)} images and labels of shape {labels.shape}")
    return images, labels


def _damaged(path: Path, cause: str) -> SlipstickError:
    return SlipstickError(f"File '{path}'", cause, "compile the model again")
