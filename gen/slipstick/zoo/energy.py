"""Energy of operations, from the unit energies that ShiftAddNet's paper compares.

Only operations are counted: no memory, no control, no clock, no leakage. Published savings were
measured on a board or simulated with memory, so the two differ, and by how much is what
`slipstick.zoo.comparison` shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from slipstick.errors import SlipstickError
from slipstick.zoo.counts import Work

PLATFORMS: Mapping[str, str] = MappingProxyType(
    {"asic45": "ASIC, 45 nm", "zc706": "FPGA, ZYNQ-7 ZC706"}
)
OPERATIONS = ("multiplication", "addition", "shift")
FORMATS = ("FP32", "FIX32", "FIX16", "FIX8")

CODE = "GATECH-EIC hw_utils.py"
RATIO = "remembered from ShiftAddNet's Table 1; consistent with the published ratio {}"
WEAK = "remembered from ShiftAddNet's Table 1; no ratio confirms it"


@dataclass(frozen=True)
class Cell:
    """One unit energy.

    Parameters
    ----------
    picojoules : of one operation.
    confidence : "read" in code, "derived" from a published ratio, or "remembered".
    source : where it is from.
    """

    picojoules: float
    confidence: str
    source: str


def _derived(picojoules: float, ratio: str) -> Cell:
    return Cell(picojoules, "derived", RATIO.format(ratio))


UNIT_ENERGY: Mapping[tuple[str, str, str], Cell] = MappingProxyType(
    {
        ("asic45", "multiplication", "FP32"): Cell(3.7, "read", CODE),
        ("asic45", "addition", "FP32"): Cell(0.9, "read", CODE),
        ("asic45", "multiplication", "FIX32"): _derived(3.1, "3.1 / 0.1 = 31"),
        ("asic45", "addition", "FIX32"): _derived(0.1, "3.1 / 0.1 = 31"),
        ("asic45", "shift", "FIX32"): Cell(0.13, "read", CODE),
        ("asic45", "shift", "FIX16"): Cell(0.057, "remembered", WEAK),
        ("asic45", "multiplication", "FIX8"): Cell(0.2, "read", CODE),
        ("asic45", "addition", "FIX8"): Cell(0.03, "read", CODE),
        ("asic45", "shift", "FIX8"): Cell(0.024, "read", CODE),
        ("zc706", "multiplication", "FP32"): _derived(18.8, "18.8 / 0.4 = 47"),
        ("zc706", "addition", "FP32"): _derived(0.4, "18.8 / 0.4 = 47"),
        ("zc706", "multiplication", "FIX32"): _derived(19.6, "19.6 / 0.1 = 196"),
        ("zc706", "addition", "FIX32"): _derived(0.1, "19.6 / 0.1 = 196"),
        ("zc706", "shift", "FIX32"): Cell(0.1, "remembered", WEAK),
        ("zc706", "multiplication", "FIX8"): Cell(0.2, "remembered", WEAK),
        ("zc706", "addition", "FIX8"): Cell(0.1, "remembered", WEAK),
        ("zc706", "shift", "FIX8"): Cell(0.025, "remembered", WEAK),
    }
)
"""Unit energies by platform, operation and format; what is missing is unknown."""


def unit_energy(platform: str, operation: str, number_format: str) -> float:
    """Picojoules of one operation; `SlipstickError` where no source tells."""
    cell = UNIT_ENERGY.get((platform, operation, number_format))
    if cell is None:
        known = sorted({f for p, o, f in UNIT_ENERGY if (p, o) == (platform, operation)})
        raise SlipstickError(
            f"Energy of a {number_format} {operation} on '{platform}'",
            "is not in the table",
            f"known formats: {', '.join(known) or 'none'}; platforms: {', '.join(PLATFORMS)}",
        )
    return cell.picojoules


@dataclass(frozen=True)
class Formats:
    """The number format of each operation."""

    multiplication: str
    addition: str
    shift: str


FP32 = Formats("FP32", "FP32", "FIX32")
"""Floating point; a shift is one of 32-bit integers, since floating-point numbers have none."""
FIX32 = Formats("FIX32", "FIX32", "FIX32")
FIX8 = Formats("FIX8", "FIX8", "FIX8")
NAMED: Mapping[str, Formats] = MappingProxyType({"FP32": FP32, "FIX32": FIX32, "FIX8": FIX8})


def energy(work: Work, platform: str, formats: Formats) -> float:
    """Picojoules of all operations of ``work``; memory is left out."""
    counts = {
        "multiplication": work.multiplications,
        "addition": work.additions,
        "shift": work.shifts,
    }
    return sum(
        number * unit_energy(platform, operation, getattr(formats, operation))
        for operation, number in counts.items()
        if number
    )
