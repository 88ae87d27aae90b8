"""Images for calibration: a file of the user's, or a stand-in."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from slipstick.errors import SlipstickError

STAND_INS = 64
"""Random images that stand in for calibration images."""
SEED = 0


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


def load_frames(path: Path, shape: tuple[int, int, int]) -> Frames:
    """Reads ``images`` (float ``N, C, H, W``, or ``N, F``) and perhaps ``labels`` of an ``.npz``.

    Raises `SlipstickError` if the file, its arrays or their shapes are not as the network, whose
    input has ``shape``, needs them.
    """
    thing = f"File '{path}'"
    try:
        # Opened here, since numpy leaves the file open where it is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise SlipstickError(
            thing, f"cannot be read as .npz ({error})", "write it with numpy.savez"
        ) from error
    if "images" not in arrays:
        raise SlipstickError(thing, "holds no array 'images'", "add one, float N x C x H x W")
    images = _checked_images(thing, arrays["images"], shape)
    labels = arrays.get("labels")
    if labels is not None and (labels.shape != (len(images),) or labels.dtype.kind not in "iu"):
        raise SlipstickError(
            thing,
            f"labels must be {len(images)} integers, not {labels.dtype} of shape {labels.shape}",
            "give one label an image, or leave the array out",
        )
    return Frames(
        torch.from_numpy(images),
        None if labels is None else torch.from_numpy(labels.astype(np.int64)),
    )


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
    """The sample input, if there is one, and random images of its range."""
    generator = torch.Generator().manual_seed(SEED)
    random = torch.rand((STAND_INS, *shape), generator=generator)
    if sample is None or not sample.numel():
        return Frames(random, None)
    known = sample.detach().to(torch.float32).reshape(-1, *shape)
    low, high = float(known.min()), float(known.max())
    if high > low:
        random = low + random * (high - low)
    return Frames(torch.cat([known, random]), None)
