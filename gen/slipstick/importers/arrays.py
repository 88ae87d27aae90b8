"""Numpy's arrays, element types and scalars, rebuilt from their pickled parts."""

import math
from typing import Any

import numpy as np

from slipstick.importers.shapes import check_shape
from slipstick.importers.values import Array, DType, UnreadableError, damaged, type_name

CODES = frozenset("b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split())
"""Element types of numbers."""


def dtype(code: Any, *_flags: Any) -> DType:
    """``numpy.dtype(code, align, copy)``."""
    if not isinstance(code, str) or code not in CODES:
        raise UnreadableError(
            f"holds an array of type {type_name(code)}", "save arrays of plain numbers"
        )
    return DType(code)


def set_dtype(target: DType, state: Any) -> None:
    """The state of an element type: its version, byte order, and what plain numbers lack."""
    if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
        raise damaged("an element type has no byte order")
    target.order = state[1]


def reconstruct(*_arguments: Any) -> Array:
    """``numpy.core.multiarray._reconstruct``: an array that gets its numbers later."""
    return Array()


def set_array(target: Array, state: Any) -> None:
    """The state of an array: version, shape, element type, order of axes, bytes."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise damaged("an array has no numbers")
    _version, shape, kind, is_fortran, content = state
    target.numbers = _numbers(content, kind, shape, "F" if is_fortran else "C")


def from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> Array:
    """``numpy._core.numeric._frombuffer``, the arrays of pickle's protocol 5."""
    return Array(_numbers(content, kind, shape, "F" if order == "F" else "C"))


def scalar(kind: Any, content: Any) -> Any:
    """``numpy.core.multiarray.scalar`` as a plain number."""
    return _numbers(content, kind, (1,), "C").item()


def _numbers(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    # Python 2 wrote bytes as text of one character a byte.
    data = content.encode("latin-1") if isinstance(content, str) else content
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, DType):
        raise damaged("an array has no numbers")
    size = math.prod(check_shape(shape)) * kind.numpy().itemsize
    if len(data) != size:
        raise damaged(f"an array has {len(data)} bytes instead of {size}")
    return np.frombuffer(data, kind.numpy()).reshape(shape, order=order)
