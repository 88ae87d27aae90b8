"""Fashion-MNIST from Debian's package ``dataset-fashion-mnist``."""

import gzip
from pathlib import Path

import numpy as np
import torch

from slipstick.errors import SlipstickError

FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian puts the data set."""
HEADER = {"images": 16, "labels": 8}
"""Bytes before the data in an IDX file."""


def load(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, float32 ``(N, 1, 28, 28)`` as pixel / 256, and int64 labels ``(N,)``.

    ``part`` is ``"train"`` (60,000) or ``"t10k"`` (10,000).
    """
    images = _read(f"{part}-images-idx3-ubyte.gz", HEADER["images"]).reshape(-1, 1, 28, 28)
    labels = _read(f"{part}-labels-idx1-ubyte.gz", HEADER["labels"])
    return (
        torch.from_numpy(images.astype(np.float32) / 256),
        torch.from_numpy(labels.astype(np.int64)),
    )


def _read(name: str, offset: int) -> np.ndarray:
    path = FOLDER / name
    if not path.exists():
        raise SlipstickError(
            f"File '{path}'", "is missing", "apt-get install dataset-fashion-mnist"
        )
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)
