"""The frames of a stream as they lie in memory; docs/system.md describes it."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from slipstick.build_folder import StreamRecord


class Grid(BaseModel):
    """The frames, or the results: ``(C, H, W)`` integers ``v`` that stand for ``v * 2**-frac``.

    ``element`` is the bytes of one of them in memory, ``bytes`` those of all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int, int]
    width: int
    signed: bool
    frac: int
    element: int
    bytes: int

    @classmethod
    def of(cls, stream: StreamRecord) -> "Grid":
        """That of ``stream``."""
        return cls(
            shape=stream.shape,
            width=stream.width,
            signed=stream.signed,
            frac=stream.frac,
            element=stream.element_bytes,
            bytes=stream.frame_bytes,
        )

    @property
    def container(self) -> str:
        """The elements' type as numpy calls it."""
        return f"<{'i' if self.signed else 'u'}{self.element}"


def to_bytes(grid: Grid, values: np.ndarray, order: Sequence[int] | None = None) -> bytes:
    """Integers ``(N, C, H, W)`` one frame behind the other.

    ``order`` is the channel at each place of a pixel; None if they lie in order. Raises
    `ValueError` if a value has more bits.
    """
    lo = -(1 << grid.width - 1) if grid.signed else 0
    if values.size and (values.min() < lo or values.max() >= lo + (1 << grid.width)):
        raise ValueError(f"Values must be integers of {grid.width} bits")
    pixels = values.transpose(0, 2, 3, 1)
    placed = pixels if order is None else pixels[..., list(order)]
    return placed.astype(grid.container).tobytes()


def from_bytes(grid: Grid, data: bytes, order: Sequence[int] | None = None) -> np.ndarray:
    """The inverse of `to_bytes`, as int64."""
    channels, height, columns = grid.shape
    pixels = np.frombuffer(data, grid.container).reshape(-1, height, columns, channels)
    values = np.empty(pixels.shape, np.int64)
    values[..., slice(None) if order is None else list(order)] = pixels
    return values.transpose(0, 3, 1, 2)
