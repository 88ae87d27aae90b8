"""What the compiler knows of a tensor: its shape, its grid, and the values it can take."""

from dataclasses import dataclass

import numpy as np

from slipstick.errors import SlipstickError

INT64_SAFE_BITS = 62
"""Widest integer the golden model may meet: one bit of head-room below int64."""


def bits_needed(lo: int, hi: int) -> int:
    """Bits of the smallest format that holds every integer of ``[lo, hi]``.

    Two's complement when ``lo < 0``, unsigned otherwise; never less than one bit.
    """
    if lo < 0:
        return max((-lo - 1).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return max(hi.bit_length(), 1)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of one frame: integers ``v`` that stand for ``v * 2**-frac``.

    Attributes
    ----------
    name : the node that produces it.
    shape : ``(C, H, W)``; a vector of N features is ``(N, 1, 1)``.
    frac : fraction bits of the grid; may be negative or exceed the width.
    lo, hi : int64 arrays of shape ``(C,)``: the proven interval of each channel, ends included.
    """

    name: str
    shape: tuple[int, int, int]
    frac: int
    lo: np.ndarray
    hi: np.ndarray

    def __post_init__(self) -> None:
        if self.width > INT64_SAFE_BITS:
            raise SlipstickError(
                f"Tensor '{self.name}'",
                f"its proven interval needs {self.width} bits, the golden model has "
                f"{INT64_SAFE_BITS}",
                "use narrower activations or weights for this layer",
            )

    @property
    def signed(self) -> bool:
        """Whether any channel can be negative."""
        return int(self.lo.min()) < 0

    @property
    def width(self) -> int:
        """Bits of the hardware format: the smallest that holds every channel's interval."""
        return bits_needed(int(self.lo.min()), int(self.hi.max()))
