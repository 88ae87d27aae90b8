"""The simulated system as a transport."""

from typing import Protocol

import numpy as np

from slipstick.driver.arena import Arena, Piece
from slipstick.driver.transport import BusError

OKAY = 0


class System(Protocol):
    """What `slipstick.sim.system.device.SimulatedSystem` offers."""

    base: int

    @property
    def memory(self) -> np.ndarray:
        """All its bytes, uint8."""

    @property
    def cycles(self) -> int:
        """Of the bus clock, so far."""

    def response_of_read(self, offset: int) -> tuple[int, int]:
        """The bus's response, and what was read."""

    def response_of_write(self, offset: int, value: int) -> int:
        """The bus's response."""

    def run_until_interrupt(self, cycles: int) -> bool:
        """Lets so many cycles pass, fewer if the interrupt line is high then."""


class SimulatedTransport:
    """``system``, whose time is that of a bus clock of ``clock_hz``."""

    def __init__(self, system: System, clock_hz: int) -> None:
        self._system, self._clock_hz = system, clock_hz
        self._arena = Arena("of the simulated system", system.memory, system.base)

    def read32(self, offset: int) -> int:
        """A register."""
        response, value = self._system.response_of_read(offset)
        if response != OKAY:
            raise BusError(f"Reading {offset:#x} was answered {response}")
        return value

    def write32(self, offset: int, value: int) -> None:
        """Writes a register."""
        response = self._system.response_of_write(offset, value)
        if response != OKAY:
            raise BusError(f"Writing {offset:#x} was answered {response}")

    def buffer(self, size: int) -> Piece:
        """The next part of the system's memory."""
        return self._arena.buffer(size)

    def seconds(self) -> float:
        """Simulated time."""
        return self._system.cycles / self._clock_hz

    def wait_interrupt(self, seconds: float) -> None:
        """Lets simulated time pass."""
        self._system.run_until_interrupt(int(seconds * self._clock_hz) + 1)
