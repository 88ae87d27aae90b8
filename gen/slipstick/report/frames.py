"""A few of the build's own frames: the picture, what it is, and what the network says."""

import base64
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from slipstick.build_folder import Manifest
from slipstick.built import read_frames
from slipstick.graph import Argmax, Graph, Input, run

LOOKED_AT = 128
"""Frames that are run to find some that are classified wrong."""

SHOWN = 6
SMALLEST_SIDE = 4
MOST_CLASSES = 10
COLOURS = 3


@dataclass(frozen=True)
class Score:
    """A class's logit; ``share`` of the range from the lowest to the highest is its bar."""

    label: int
    value: int
    share: float


@dataclass(frozen=True)
class Picture:
    """A frame and its classification; ``expected`` is None where no label is known."""

    number: int
    uri: str
    expected: int | None
    predicted: int
    scores: tuple[Score, ...]

    @property
    def is_right(self) -> bool:
        """Whether the network says what the label says."""
        return self.expected == self.predicted


@dataclass(frozen=True)
class Gallery:
    """Some frames of each sort; ``looked_at`` were run to find them."""

    right: tuple[Picture, ...]
    wrong: tuple[Picture, ...]
    unknown: tuple[Picture, ...]
    looked_at: int


def gallery(folder: Path, manifest: Manifest, graph: Graph) -> Gallery | None:
    """Frames of build ``folder`` through the golden model.

    None if the frames are no images, or the network names no class.
    """
    _, height, width = manifest.input.shape
    classifies = manifest.output.shape[1:] == (1, 1) and (
        manifest.output.shape[0] > 1 or isinstance(graph[graph.output], Argmax)
    )
    if min(height, width) < SMALLEST_SIDE or not classifies:
        return None
    images, known_labels = read_frames(folder, graph)
    images = images[:LOOKED_AT]
    labels = np.full(len(images), -1) if known_labels is None else known_labels[:LOOKED_AT]
    logits, predicted = _classify(graph, images)
    source = graph.input
    assert isinstance(source, Input)
    pictures = [
        Picture(
            number,
            _uri(image, source.lo, source.hi),
            None if labels[number] < 0 else int(labels[number]),
            int(predicted[number]),
            _scores(logits[number], int(labels[number])),
        )
        for number, image in enumerate(images)
    ]
    known = [picture for picture in pictures if picture.expected is not None]
    return Gallery(
        right=_varied([picture for picture in known if picture.is_right]),
        wrong=_varied([picture for picture in known if not picture.is_right]),
        unknown=tuple(picture for picture in pictures if picture.expected is None)[:SHOWN],
        looked_at=len(pictures),
    )


def _varied(pictures: list[Picture]) -> tuple[Picture, ...]:
    """A few of ``pictures``, of as many expected classes as there are."""
    seen: Counter[int | None] = Counter()
    rank = {}
    for picture in pictures:
        rank[picture.number] = seen[picture.expected]
        seen[picture.expected] += 1
    return tuple(sorted(pictures, key=lambda picture: rank[picture.number])[:SHOWN])


def _classify(graph: Graph, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits ``(N, classes)`` and the class of each frame."""
    values = run(graph, torch.from_numpy(images.astype(np.int64)))
    last = graph[graph.output]
    if isinstance(last, Argmax):
        logits = values[last.inputs[0]].flatten(1).numpy()
        return logits, values[last.name].flatten().numpy()
    logits = values[last.name].flatten(1).numpy()
    # numpy's argmax gives the lowest index of equal values, as the hardware does.
    return logits, logits.argmax(axis=1)


def _scores(logits: np.ndarray, expected: int) -> tuple[Score, ...]:
    """The classes to show, in their order: the best ones, and the expected one."""
    best = np.argsort(-logits, kind="stable")[:MOST_CLASSES].tolist()
    if 0 <= expected < len(logits) and expected not in best:
        best[-1] = expected
    low, high = int(logits.min()), int(logits.max())
    span = max(1, high - low)
    return tuple(
        Score(label, int(logits[label]), (int(logits[label]) - low) / span)
        for label in sorted(best)
    )


def _uri(image: np.ndarray, low: int, high: int) -> str:
    """``image`` as a PNG inside a URI; more or fewer channels than three show the first."""
    span = max(1, high - low)
    levels = ((image.astype(np.int64) - low) * 255 // span).clip(0, 255).astype(np.uint8)
    if len(levels) == COLOURS:
        picture = Image.fromarray(levels.transpose(1, 2, 0), "RGB")
    else:
        picture = Image.fromarray(levels[0], "L")
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
