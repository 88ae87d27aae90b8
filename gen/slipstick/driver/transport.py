"""What the Python driver needs of the machine that it runs on."""

from typing import Protocol

import numpy as np


class Buffer(Protocol):
    """Memory that processor and accelerator share."""

    @property
    def array(self) -> np.ndarray:
        """Its bytes, uint8."""

    @property
    def address(self) -> int:
        """Of the first byte, as the accelerator sees it."""

    def flush(self) -> None:
        """Makes what the processor wrote visible to the accelerator."""

    def invalidate(self) -> None:
        """Makes what the accelerator wrote visible to the processor."""


class BusError(Exception):
    """A register access was answered with an error."""


class Transport(Protocol):
    """Registers, memory, time and an interrupt."""

    def read32(self, offset: int) -> int:
        """A register; raises `BusError`."""

    def write32(self, offset: int, value: int) -> None:
        """Writes a register; raises `BusError`."""

    def buffer(self, size: int) -> Buffer:
        """Memory of ``size`` bytes, its address a multiple of 64.

        Raises `SlipstickError` if there is not so much.
        """

    def seconds(self) -> float:
        """Time since any moment; never goes back."""

    def wait_interrupt(self, seconds: float) -> None:
        """Waits until the interrupt line is high, or so long; may return early."""
