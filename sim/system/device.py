"""The simulated system in this process: registers, memory, time, and a bus that can be broken."""

import ctypes
import enum
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

Profile = Literal["fast", "random", "slow"]
"""How memory behaves: always ready and 20 cycles late; ready at random; hardly ever ready."""

BASE = 0x1000_0000
BYTES = 1 << 24

NO_ANSWER = -1
OKAY = 0


class Fault(enum.IntEnum):
    """What can be wrong with the bus, as in ``harness/faults.h``."""

    NONE = 0
    """Everything works again; what was asked for meanwhile is answered."""
    READ_SLVERR = 1
    READ_DECERR = 2
    WRITE_SLVERR = 3
    WRITE_DECERR = 4
    SILENT_READS = 5
    SILENT_WRITES = 6
    DEAF_ADDRESSES = 7
    DEAF_DATA = 8
    BUS_RESET = 9
    """The interconnect is held in reset: it takes nothing, and forgets what it was asked."""
    LOST_INTERRUPT = 10


@dataclass(frozen=True)
class BusTraffic:
    """Bursts and beats that the memory saw since the system was opened."""

    read_bursts: int
    read_beats: int
    write_bursts: int
    write_beats: int


class RegisterError(Exception):
    """A register access was not answered OKAY."""


class SimulatedSystem:
    """A system core with memory, a bus between them, and a register bus.

    Parameters
    ----------
    library : that `slipstick.sim.system.library.system_library` made.
    seed : of all delays, of the clocks' ratio, and of what registers hold before reset.
    profile : of the memory.
    base, size : of the memory in bytes, whole pages of 4 KiB.
    """

    def __init__(
        self,
        library: Path,
        seed: int = 0,
        profile: Profile = "fast",
        base: int = BASE,
        size: int = BYTES,
    ) -> None:
        self._library = _load(library)
        self.base, self.size = base, size
        self._handle = self._library.sim_open(seed, profile.encode(), base, size)
        if not self._handle:
            raise ValueError(f"No system with profile {profile!r} and {size} bytes at {base:#x}")

    def __enter__(self) -> "SimulatedSystem":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it; its memory may not be looked at any more."""
        if self._handle:
            self._library.sim_close(self._handle)
            self._handle = None

    def response_of_read(self, offset: int) -> tuple[int, int]:
        """The response to reading a register, or `NO_ANSWER`, and what was read."""
        value = ctypes.c_uint32()
        response = self._library.sim_read(self._handle, offset, ctypes.byref(value))
        return response, value.value

    def response_of_write(self, offset: int, value: int) -> int:
        """The response to writing a register, or `NO_ANSWER`."""
        response: int = self._library.sim_write(self._handle, offset, value)
        return response

    def read32(self, offset: int) -> int:
        """A register's value; raises `RegisterError`."""
        response, value = self.response_of_read(offset)
        if response != OKAY:
            raise RegisterError(f"Reading {offset:#x} was answered {response}")
        return value

    def write32(self, offset: int, value: int) -> None:
        """Writes a register; raises `RegisterError`."""
        response = self.response_of_write(offset, value)
        if response != OKAY:
            raise RegisterError(f"Writing {offset:#x} was answered {response}")

    def run(self, cycles: int) -> None:
        """Lets the bus clock tick."""
        self._library.sim_run(self._handle, cycles)

    def run_until_interrupt(self, cycles: int) -> bool:
        """Lets the bus clock tick until the interrupt is raised, or so often; whether it is."""
        return bool(self._library.sim_run_until_interrupt(self._handle, cycles))

    @property
    def interrupt(self) -> bool:
        """Whether the interrupt reaches the processor."""
        return bool(self._library.sim_interrupt(self._handle))

    @property
    def cycles(self) -> int:
        """Of the bus clock since the system was opened."""
        return int(self._library.sim_cycles(self._handle))

    @property
    def memory(self) -> np.ndarray:
        """All bytes of the memory, uint8; what is written here is there."""
        pointer = self._library.sim_memory(self._handle, self.base, self.size)
        return np.ctypeslib.as_array(pointer, (self.size,))

    def reset(self) -> None:
        """Resets the core and the bus, but not what memory holds."""
        self._library.sim_reset(self._handle)

    def allow_writes(self, address: int, size: int) -> None:
        """The core may write these bytes; until the first call it may write all."""
        self._library.sim_allow_writes(self._handle, address, size)

    def fault(self, kind: Fault, count: int = 1) -> None:
        """Breaks the bus; an error answers the ``count``-th beat read or burst written."""
        self._library.sim_fault(self._handle, kind, count)

    @property
    def traffic(self) -> BusTraffic:
        """What the memory saw."""
        counts = (ctypes.c_uint64 * 4)()
        self._library.sim_traffic(self._handle, counts)
        return BusTraffic(*counts)

    @property
    def violations(self) -> list[str]:
        """Rules that were broken; to be asked when no run is going on."""
        text: bytes = self._library.sim_violations(self._handle)
        return text.decode().splitlines()


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, word, size = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t
    count = ctypes.c_uint64
    byte_pointer = ctypes.POINTER(ctypes.c_uint8)
    signatures: dict[str, tuple[object, list[object]]] = {
        "sim_open": (handle, [count, ctypes.c_char_p, word, size]),
        "sim_close": (None, [handle]),
        "sim_read": (ctypes.c_int, [handle, word, ctypes.POINTER(word)]),
        "sim_write": (ctypes.c_int, [handle, word, word]),
        "sim_run": (None, [handle, count]),
        "sim_run_until_interrupt": (ctypes.c_int, [handle, count]),
        "sim_interrupt": (ctypes.c_int, [handle]),
        "sim_memory": (byte_pointer, [handle, word, size]),
        "sim_cycles": (count, [handle]),
        "sim_reset": (None, [handle]),
        "sim_allow_writes": (None, [handle, word, size]),
        "sim_fault": (None, [handle, ctypes.c_int, count]),
        "sim_violations": (ctypes.c_char_p, [handle]),
        "sim_traffic": (None, [handle, ctypes.POINTER(count)]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
