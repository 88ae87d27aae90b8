"""Accelerators under PYNQ. Nothing of this has run on a board yet."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from slipstick.errors import SlipstickError

CELL = "slipstick"
"""The core's name in the block design that slipstick writes."""
POLL_SECONDS = 0.0005


class PynqBuffer:
    """A `Buffer` that ``pynq.allocate`` has made."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory
        self.array: np.ndarray = memory
        self.address = int(memory.device_address)

    def flush(self) -> None:
        """Writes the cache back."""
        self._memory.flush()

    def invalidate(self) -> None:
        """Drops what the cache holds."""
        self._memory.invalidate()


class PynqTransport:
    """Loads ``bitstream``, with its ``.hwh`` beside it, and reaches the core in it.

    The status is read again and again: an interrupt would need PYNQ's own controller in the design.

    Raises `SlipstickError` if this is no PYNQ, or the bitstream holds no Slipstick core.
    """

    def __init__(self, bitstream: Path) -> None:
        try:
            pynq = import_module("pynq")
        except ImportError as error:
            raise SlipstickError(
                "Package 'pynq'", "is not installed", "run this on a board with a PYNQ image"
            ) from error
        self._allocate = pynq.allocate
        try:
            self._core = getattr(pynq.Overlay(str(bitstream)), CELL)
        except (AttributeError, OSError, RuntimeError) as error:
            raise SlipstickError(
                f"File '{bitstream}'",
                f"is no overlay with a cell '{CELL}' ({error})",
                "give the .bit that the block design made, its .hwh beside it",
            ) from error

    def read32(self, offset: int) -> int:
        """A register."""
        return int(self._core.read(offset))

    def write32(self, offset: int, value: int) -> None:
        """Writes a register."""
        self._core.write(offset, value)

    def buffer(self, size: int) -> PynqBuffer:
        """Memory that PYNQ allocates in one piece."""
        return PynqBuffer(self._allocate(shape=(size,), dtype=np.uint8))

    def seconds(self) -> float:
        """Time since any moment."""
        return time.monotonic()

    def wait_interrupt(self, seconds: float) -> None:
        """A short break."""
        time.sleep(min(seconds, POLL_SECONDS))
