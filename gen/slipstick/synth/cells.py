"""Counts of 7-series primitives in a netlist, and what each primitive costs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

LUTS = frozenset({"LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV"})

FLIP_FLOPS = frozenset(
    {"FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1", "LDCE", "LDPE"}
)

LUTRAM_SITES = {
    "RAM16X1D": 2,
    "RAM32X1S": 1,
    "RAM32X1D": 2,
    "RAM32M": 4,
    "RAM64X1S": 1,
    "RAM64X1D": 2,
    "RAM64M": 4,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
"""LUT sites of a SLICEM that each distributed RAM or shift register occupies (UG953)."""

BLOCK_RAMS = {"RAMB36E1": 1.0, "RAMB18E1": 0.5}

DSPS = frozenset({"DSP48E1"})


@dataclass(frozen=True)
class CellCounts:
    """Counts that follow from the kinds of cells alone; the fields are those of `Resources`."""

    lut: int
    ff: int
    carry4: int
    bram36: float
    lutram: int
    dsp: int


def count_cells(kinds: Iterable[str]) -> CellCounts:
    """Counts the primitives in ``kinds``, one entry a cell."""
    tally = Counter(kinds)
    return CellCounts(
        lut=sum(tally[kind] for kind in LUTS),
        ff=sum(tally[kind] for kind in FLIP_FLOPS),
        carry4=tally["CARRY4"],
        bram36=sum(tally[kind] * share for kind, share in BLOCK_RAMS.items()),
        lutram=sum(tally[kind] * sites for kind, sites in LUTRAM_SITES.items()),
        dsp=sum(tally[kind] for kind in DSPS),
    )
