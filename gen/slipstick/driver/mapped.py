"""Accelerators under Linux: registers mapped through UIO or /dev/mem, memory of u-dma-buf.

Nothing of this has run on a board yet.
"""

import mmap
import os
import select
import struct
import time
from pathlib import Path

import numpy as np

from slipstick.driver.arena import Arena, Piece
from slipstick.errors import SlipstickError

DEVICES = Path("/dev")
CLASSES = Path("/sys/class")
REGISTER_BYTES = 0x1400
POLL_SECONDS = 0.0005


class MappedTransport:
    """Registers that are mapped from ``device`` at ``offset``, and buffer ``memory`` of u-dma-buf.

    Without an interrupt: the status is read again and again.

    Raises `SlipstickError` if one of them cannot be mapped.
    """

    def __init__(self, device: Path, offset: int, memory: str) -> None:
        self._file, registers = _map(device, REGISTER_BYTES, offset)
        self._registers = registers.view(np.uint32)
        home = CLASSES / "u-dma-buf" / memory
        size, address = _number(home / "size"), _number(home / "phys_addr")
        # Opened with O_SYNC, this memory is mapped without a cache.
        file, array = _map(DEVICES / memory, size, 0)
        os.close(file)
        self._arena = Arena(memory, array, address)

    def read32(self, offset: int) -> int:
        """A register."""
        return int(self._registers[offset // 4])

    def write32(self, offset: int, value: int) -> None:
        """Writes a register."""
        self._registers[offset // 4] = value

    def buffer(self, size: int) -> Piece:
        """The next part of the memory."""
        return self._arena.buffer(size)

    def seconds(self) -> float:
        """Time since any moment."""
        return time.monotonic()

    def wait_interrupt(self, seconds: float) -> None:
        """A short break."""
        time.sleep(min(seconds, POLL_SECONDS))


class DevmemTransport(MappedTransport):
    """Registers at physical address ``base``, mapped from /dev/mem by the superuser."""

    def __init__(self, base: int, memory: str) -> None:
        super().__init__(DEVICES / "mem", base, memory)


class UioTransport(MappedTransport):
    """Registers and interrupt of /dev/uio``number``."""

    def __init__(self, number: int, memory: str) -> None:
        super().__init__(DEVICES / f"uio{number}", 0, memory)

    def wait_interrupt(self, seconds: float) -> None:
        """Lets the interrupt in, which UIO masks when it comes, and waits for it."""
        os.write(self._file, struct.pack("=I", 1))
        ready, _, _ = select.select([self._file], [], [], seconds)
        if ready:
            os.read(self._file, 4)


def _map(device: Path, size: int, offset: int) -> tuple[int, np.ndarray]:
    try:
        file = os.open(device, os.O_RDWR | os.O_SYNC)
        return file, np.frombuffer(mmap.mmap(file, size, offset=offset), np.uint8)
    except (OSError, ValueError) as error:
        raise SlipstickError(
            f"Device '{device}'",
            f"cannot be mapped ({error})",
            "check that it is there, and run this as the superuser",
        ) from error


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"), 0)
    except (OSError, ValueError) as error:
        raise SlipstickError(
            f"File '{path}'", f"tells no number ({error})", "load u-dma-buf, and check its name"
        ) from error
