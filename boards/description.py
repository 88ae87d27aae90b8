"""What a board file says: part and capacity for every family, and what each one needs beside."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class Series7Board(Board):
    """A board with a part of Xilinx's 7-series."""

    family: Literal["xc7"]
    capacity: Capacity
    zynq: Zynq | None = None


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
