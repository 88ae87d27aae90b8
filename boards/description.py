"""What a board file says: part and capacity for every family, and what each one needs beside."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

__all__ = [
    "Board",
    "Capacity",
    "Ecp5",
    "Ecp5Board",
    "Ecp5Capacity",
    "Pin",
    "Series7Board",
    "Zynq",
]

Mhz = Annotated[float, Field(gt=0, le=1000)]
ZYNQ_PART = "xc7z"
IO_PLL_MHZ = 1000
"""What boot code makes of either usual oscillator, 33.33 MHz or 50 MHz; source: UG585, table of the
PLLs."""
DDR_FIRST, DDR_END = 0x0010_0000, 0x4000_0000
"""Where the HP ports find DDR; source: UG585, system-level address map."""
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
"""Ball names, I/O standards, packages: they reach constraint files as they are."""


class Record(BaseModel):
    """Base of all: frozen, and closed, so that a misspelt key is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pin(Record):
    """A pin of the fabric."""

    ball: Word = Field(description="of the package")
    io: Word = Field(description="I/O standard, as the tool spells it")


class Board(Record):
    """A board: what the compiler and the reports know of the target."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = Field(min_length=1)
    part: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="as its maker spells it")
    family: str
    clock_mhz: Mhz = Field(description="clock of the stream core")
    capacity: BaseModel


class Capacity(Record):
    """How many of each resource a 7-series part has; the counters know these cells."""

    lut: int = Field(gt=0, description="6-input look-up tables")
    ff: int = Field(gt=0, description="flip-flops")
    bram36: int = Field(ge=0, description="36 Kbit block RAMs")
    dsp: int = Field(ge=0, description="DSP slices, of which a build uses none")
    lutram: int = Field(ge=0, description="those look-up tables that can be RAM or shift register")


def _divided(mhz: float) -> float:
    """A clock of the fabric, known to be the I/O PLL's through a whole divider."""
    period = IO_PLL_MHZ / mhz
    if abs(period - round(period)) > 1e-3:
        below, above = IO_PLL_MHZ / math.ceil(period), IO_PLL_MHZ / max(1, math.floor(period))
        raise ValueError(
            f"must be {IO_PLL_MHZ} MHz through a whole number, as {below:g} or {above:g}, "
            f"not {mhz:g}"
        )
    return mhz


class Zynq(Record):
    """The processor of a Zynq-7000, and the clocks and memory that it gives to the fabric."""

    ps_clock_mhz: Mhz = Field(description="oscillator at PS_CLK")
    bus_mhz: Mhz = Field(description="clock of the buses, FCLK0")
    memory_base: int = Field(ge=0, lt=1 << 32, description="first address for frames and results")
    memory_bytes: int = Field(gt=0, le=1 << 30, description="how much is there for them")
    board_part: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_.:-]+$", description="of Vivado's board files"
    )
    led: Pin | None = Field(default=None, description="shows the interrupt")

    _bus_is_divided = field_validator("bus_mhz")(_divided)

    @field_validator("memory_bytes")
    @classmethod
    def _ports_reach_the_memory(cls, size: int, info: ValidationInfo) -> int:
        base = info.data.get("memory_base", DDR_FIRST)
        if base < DDR_FIRST or base + size > DDR_END:
            raise ValueError(
                f"memory must lie in {DDR_FIRST:#010x} to {DDR_END - 1:#010x}, "
                f"not in {base:#010x} to {base + size - 1:#010x}"
            )
        return size


class Series7Board(Board):
    """A board with a part of Xilinx's 7-series."""

    family: Literal["xc7"]
    capacity: Capacity
    zynq: Zynq | None = None

    @field_validator("zynq")
    @classmethod
    def _part_has_it(cls, zynq: Zynq | None, info: ValidationInfo) -> Zynq | None:
        part = info.data.get("part", ZYNQ_PART)
        if zynq is not None and not part.startswith(ZYNQ_PART):
            raise ValueError(f"part must be a Zynq-7000, {ZYNQ_PART}..., not {part}")
        return zynq

    @field_validator("zynq")
    @classmethod
    def _core_clock_is_divided(cls, zynq: Zynq | None, info: ValidationInfo) -> Zynq | None:
        if zynq is not None and "clock_mhz" in info.data:
            try:
                _divided(info.data["clock_mhz"])
            except ValueError as error:
                raise ValueError(f"clock_mhz {error}") from error
        return zynq


class Ecp5Capacity(Record):
    """How many of each resource an ECP5 has; as many flip-flops as look-up tables."""

    lut4: int = Field(gt=0, description="4-input look-up tables")
    ebr: int = Field(ge=0, description="18 Kbit block RAMs")
    mult18: int = Field(ge=0, description="multipliers, of which a build uses none")


class Ecp5(Record):
    """What nextpnr and the serial system need of an ECP5 board."""

    device: str = Field(pattern=r"^(um5?g?-)?(12|25|45|85)k$", description="nextpnr's option")
    package: Word
    speed: Literal[6, 7, 8]
    oscillator_mhz: Mhz
    oscillator: Pin
    receive: Pin = Field(description="serial data from the host")
    transmit: Pin = Field(description="serial data to the host")


class Ecp5Board(Board):
    """A board with a Lattice ECP5, whose host is connected by a serial port."""

    family: Literal["ecp5"]
    capacity: Ecp5Capacity
    ecp5: Ecp5
