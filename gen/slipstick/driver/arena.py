"""Buffers out of one piece of memory that needs no cache maintenance."""

from dataclasses import dataclass

import numpy as np

from slipstick.errors import SlipstickError

ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class Piece:
    """A `Buffer`: a part of an arena."""

    array: np.ndarray
    address: int

    def flush(self) -> None:
        """Nothing is between the processor and this memory."""

    def invalidate(self) -> None:
        """Nothing is between the processor and this memory."""


class Arena:
    """Hands out pieces of ``array``, uint8, whose first byte the accelerator sees at ``address``.

    ``name`` is that of the memory, for messages.
    """

    def __init__(self, name: str, array: np.ndarray, address: int) -> None:
        self._name, self._array, self._address = name, array, address
        self._used = -address % ALIGNMENT

    def buffer(self, size: int) -> Piece:
        """The next ``size`` bytes; raises `SlipstickError` if they are not there."""
        start, end = self._used, self._used + size
        if end > len(self._array):
            raise SlipstickError(
                f"Memory '{self._name}'",
                f"has {max(len(self._array) - start, 0):,} bytes left, {size:,} are needed",
                "reserve more, or use fewer frames a batch",
            )
        self._used = end + -(self._address + end) % ALIGNMENT
        return Piece(self._array[start:end], self._address + start)
