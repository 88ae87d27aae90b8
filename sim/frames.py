"""The frames of a simulation: those of the build folder, or a user's own images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipstick import calibration
from slipstick.built import read_frames
from slipstick.calibration import UNKNOWN
from slipstick.graph import Argmax, Graph, Input
from slipstick.quantise import quantise_input


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
        values, labels = read_frames(folder, graph)
        values = values[:count]
    else:
        found = calibration.load_frames(images, node.shape, _classes(graph))
        values = quantise_input(graph, found.images[:count]).numpy()
        labels = None if found.labels is None else found.labels.numpy()
    known = None if labels is None or (labels[:count] == UNKNOWN).all() else labels[:count]
    return Frames(values.astype(np.int64), known)


def _classes(graph: Graph) -> int | None:
    """Classes that the network tells apart, None if it does not name one class a frame."""
    last = graph[graph.output]
    scores = last.inputs[0] if isinstance(last, Argmax) else last.name
    count, *size = graph.tensors[scores].shape
    return count if size == [1, 1] else None
