"""The frames of a simulation: those of the build folder, or a user's own images."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from slipstick.errors import SlipstickError
from slipstick.graph import Graph, Input

UNKNOWN = -1
"""Label of a frame whose class is not known."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Integer images ``(N, C, H, W)`` on the input's grid; ``labels`` may be None."""

    images: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.images)


def load_frames(folder: Path, graph: Graph, images: Path | None, count: int | None) -> Frames:
    """The first ``count`` frames of ``images``, or of the build folder if that is None.

    Raises `SlipstickError` if the file cannot be read or its images do not fit the network.
    """
    path = images or folder / "frames.npz"
    found, labels = _read(path)
    node = graph.input
    assert isinstance(node, Input)
    _check(path, found, labels, node.shape)
    found = found[:count]
    values = found if images is None else _on_grid(path, found, node)
    if values.min() < node.lo or values.max() > node.hi:
        raise _refused(path, f"'images' must be integers in [{node.lo}, {node.hi}]")
    known = None if labels is None or (labels[:count] == UNKNOWN).all() else labels[:count]
    return Frames(values.astype(np.int64), known)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        # Opened here, since numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if "images" not in archive.files:
                raise _refused(path, f"holds no array 'images', only {archive.files}")
            labels = archive["labels"] if "labels" in archive.files else None
            return archive["images"], labels
    # A single .npy array has no context and no names.
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise _refused(path, f"cannot be read ({error})") from error


def _check(
    path: Path, images: np.ndarray, labels: np.ndarray | None, shape: tuple[int, int, int]
) -> None:
    if images.dtype.kind not in "fiub":
        raise _refused(path, f"'images' must be numbers, not {images.dtype}")
    if images.ndim != 4 or images.shape[1:] != shape:
        wanted = " x ".join(map(str, ("N", *shape)))
        raise _refused(path, f"'images' must have shape {wanted}, not {images.shape}")
    if not len(images):
        raise _refused(path, "'images' is empty")
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise _refused(
            path, f"'labels' must be {len(images)} integers, not {labels.dtype} {labels.shape}"
        )


def _on_grid(path: Path, images: np.ndarray, node: Input) -> np.ndarray:
    """Real values to the input's integers: rounded half up, saturated."""
    if not np.isfinite(images).all():
        raise _refused(path, "'images' holds NaN or infinite values")
    scaled = np.floor(images.astype(np.float64) * 2.0**node.frac + 0.5)
    return np.clip(scaled, node.lo, node.hi)


def _refused(path: Path, cause: str) -> SlipstickError:
    return SlipstickError(
        f"Images '{path}'", cause, "give an .npz file with 'images' as the network takes them"
    )
