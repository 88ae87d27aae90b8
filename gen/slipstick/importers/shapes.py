"""Shapes and strides that a file declares, checked before anything is made of that size."""

import math
from typing import Any

from slipstick.importers.values import damaged

MOST_AXES = 8
MOST_NUMBERS = 1 << 40
"""Far beyond any file, and small enough for the arithmetic of numpy and torch."""


def check_axes(axes: Any) -> tuple[int, ...]:
    """``axes`` if it is a tuple of a few lengths."""
    if not isinstance(axes, tuple) or len(axes) > MOST_AXES:
        raise damaged("a shape is none")
    if not all(type(n) is int and 0 <= n <= MOST_NUMBERS for n in axes):
        raise damaged("a shape has an impossible size")
    return axes


def check_shape(shape: Any) -> tuple[int, ...]:
    """``shape`` if it is one; numpy and torch multiply its sizes even where one is 0."""
    if math.prod(max(n, 1) for n in check_axes(shape)) > MOST_NUMBERS:
        raise damaged("a shape has an impossible size")
    return check_axes(shape)
