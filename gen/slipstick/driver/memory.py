"""Frames and results of a build as bytes in memory."""

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.driver.grid import Grid, from_bytes, to_bytes


def frame_bytes(manifest: Manifest, images: np.ndarray) -> bytes:
    """Integers ``(N, C, H, W)`` on the input's grid as frames, one behind the other.

    Raises `ValueError` if a value has more bits than the input.
    """
    return to_bytes(Grid.of(manifest.input), images)


def results(manifest: Manifest, data: bytes) -> np.ndarray:
    """Results that lie one behind the other as int64 ``(N, C, H, W)``, channels in order."""
    return from_bytes(Grid.of(manifest.output), data, manifest.output.layout.order)


def result_bytes(manifest: Manifest, values: np.ndarray) -> bytes:
    """The inverse of `results`: what the core writes for ``values``."""
    return to_bytes(Grid.of(manifest.output), values, manifest.output.layout.order)
