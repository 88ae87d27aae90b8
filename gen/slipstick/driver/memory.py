"""How frames and results lie in memory; docs/system.md describes it."""

import numpy as np

from slipstick.build_folder import Manifest, StreamRecord


def frame_bytes(manifest: Manifest, images: np.ndarray) -> bytes:
    """Integers ``(N, C, H, W)`` on the input's grid as frames, one behind the other.

    Raises `ValueError` if a value has more bits than the input.
    """
    stream = manifest.input
    lo = -(1 << stream.width - 1) if stream.signed else 0
    if images.size and (images.min() < lo or images.max() >= lo + (1 << stream.width)):
        raise ValueError(f"Images must be integers of {stream.width} bits")
    return images.transpose(0, 2, 3, 1).astype(_container(stream)).tobytes()


def results(manifest: Manifest, data: bytes) -> np.ndarray:
    """Results that lie one behind the other as int64 ``(N, C, H, W)``, channels in order."""
    stream = manifest.output
    channels, height, columns = stream.shape
    pixels = np.frombuffer(data, _container(stream)).reshape(-1, height, columns, channels)
    values = np.empty(pixels.shape, np.int64)
    values[..., list(stream.layout.order)] = pixels
    return values.transpose(0, 3, 1, 2)


def result_bytes(manifest: Manifest, values: np.ndarray) -> bytes:
    """The inverse of `results`: what the core writes for ``values``."""
    pixels = values.transpose(0, 2, 3, 1)[..., list(manifest.output.layout.order)]
    return pixels.astype(_container(manifest.output)).tobytes()


def _container(stream: StreamRecord) -> str:
    return f"<{'i' if stream.signed else 'u'}{stream.element_bytes}"
