"""What place and route found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CELLS = {
    "TRELLIS_COMB": "lut4",
    "TRELLIS_FF": "ff",
    "DP16KD": "ebr",
    "MULT18X18D": "mult18",
}
"""Cells of nextpnr's report, and what they count. Carry and RAM in LUTs are among the LUTs."""


@dataclass(frozen=True)
class Ecp5Result:
    """A routed design.

    Attributes
    ----------
    board, part, project : what was built for, and the folder that holds it.
    bitstream : the file; None if the clock was missed.
    clock_mhz : that was asked for.
    routed_mhz : up to which the routed design works, by nextpnr's timing model.
    used, available : of each of `CELLS`.
    baud : of the serial port.
    seconds : each tool's.
    versions : of the tools.
    """

    board: str
    part: str
    project: str
    bitstream: str | None
    clock_mhz: float
    routed_mhz: float
    used: Mapping[str, int]
    available: Mapping[str, int]
    baud: int
    seconds: Mapping[str, float]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the clock is met, so that there is a bitstream."""
        return self.bitstream is not None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"ok": self.ok, **asdict(self)}
