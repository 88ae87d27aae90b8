"""Images for calibration: a file of the user's, or a stand-in."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from slipstick.errors import SlipstickError
from slipstick.npz import read_npz

STAND_INS = 64
"""Random images that stand in for calibration images."""
SEED = 0
UNKNOWN = -1
"""Label of an image whose class is not known."""


@dataclass(frozen=True)
class Frames:
    """Images as the model takes them.

    Attributes
    ----------
    images : float32 ``(N, C, H, W)``.
    labels : int64 ``(N,)``, or None where not known.
    """

    images: torch.Tensor
    labels: torch.Tensor | None


def load_frames(path: Path, shape: tuple[int, int, int], classes: int | None = None) -> Frames:
    """Reads ``images`` (float ``N, C, H, W``, or ``N, F``) and perhaps ``labels`` of an ``.npz``.

    A label of -1 is not known. Raises `SlipstickError` if the file, its arrays or their shapes
    are not as the network, whose input has ``shape`` and which tells ``classes`` apart, needs them.
    """
    thing = f"File '{path}'"
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise SlipstickError(
            thing, f"cannot be read as .npz ({error})", "write it with numpy.savez"
        ) from error
    if "images" not in arrays:
        raise SlipstickError(thing, "holds no array 'images'", "add one, float N x C x H x W")
    images = _checked_images(thing, arrays["images"], shape)
    labels = _checked_labels(thing, arrays.get("labels"), len(images), classes)
    return Frames(torch.from_numpy(images), labels)


def _checked_labels(
    thing: str, labels: np.ndarray | None, images: int, classes: int | None
) -> torch.Tensor | None:
    """The labels; None if there are none or none is known."""
    if labels is None:
        return None
    if labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise SlipstickError(
            thing,
            f"labels must be {images} integers, not {labels.dtype} of shape {labels.shape}",
            "give one label an image, or leave the array out",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < UNKNOWN or (classes is not None and high >= classes):
        allowed = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise SlipstickError(
            thing,
            f"labels must be {allowed}, or {UNKNOWN} where not known; found {low} to {high}",
            "number the classes as the network does",
        )
    return None if high == UNKNOWN else torch.from_numpy(labels.astype(np.int64))


def _checked_images(thing: str, images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    if images.ndim == 2:
        images = images[:, :, None, None]
    if images.ndim != 4 or images.shape[1:] != shape or not len(images):
        raise SlipstickError(
            thing,
            f"images must have shape N x {' x '.join(map(str, shape))}, not {images.shape}",
            "give the images as the model takes them",
        )
    if images.dtype.kind != "f":
        raise SlipstickError(
            thing,
            f"images must be floats, not {images.dtype}",
            "scale them as in training",
        )
    if not np.isfinite(images).all():
        raise SlipstickError(thing, "images must be finite, found NaN or inf", "remove them")
    return np.ascontiguousarray(images, np.float32)


def stand_in_frames(sample: torch.Tensor | None, shape: tuple[int, int, int]) -> Frames:
    """The sample input, if there is one, and random images of its range.

    Raises `SlipstickError` if the sample is no image of ``shape`` or not finite.
    """
    generator = torch.Generator().manual_seed(SEED)
    random = torch.rand((STAND_INS, *shape), generator=generator)
    if sample is None or not sample.numel():
        return Frames(random, None)
    known = sample.detach().to(torch.float32)
    if known[0].numel() != math.prod(shape) or not known.isfinite().all():
        raise SlipstickError(
            "Sample input",
            f"must be finite images of shape {shape}, not {tuple(sample.shape)} "
            f"from {float(known.min())} to {float(known.max())}",
            "give real images, or calibrate with some",
        )
    known = known.reshape(-1, *shape)
    low, high = float(known.min()), float(known.max())
    if high > low:
        random = low + random * (high - low)
    return Frames(torch.cat([known, random]), None)
