"""What a simulation of the whole system found."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slipstick.files import write_whole
from slipstick.sim.result import Mismatch

FILE = "system.json"


@dataclass(frozen=True)
class SystemResult:
    """What `slipstick.sim.system.run.simulate_system` found.

    Attributes
    ----------
    frames : run from memory to memory.
    mismatches : values of results that differ from the golden model.
    first_mismatch : the first of them.
    error : what the driver says went wrong; None if nothing.
    violations : rules of the buses that were broken, in words.
    cycles_per_frame : bus clock cycles with a fast memory, frames back to back.
    ideal_cycles_per_frame : the stream core's interval, as the compiler promised.
    random_cycles_per_frame : over the whole run, with random delays on every channel.
    frames_per_second : of the hardware with a fast memory, at the board's clock.
    bytes_per_read_burst, bytes_per_write_burst : words asked for, 8 bytes each.
    read_utilisation, write_utilisation : share of cycles in which a word passed, fast memory.
    read_stalls_per_frame, write_stalls_per_frame : cycles lost to a fast memory.
    accuracy : of the results; None without labels.
    integer_accuracy : of the golden model on the same frames.
    processor : that ran the driver.
    """

    frames: int
    mismatches: int
    first_mismatch: Mismatch | None
    error: str | None
    violations: tuple[str, ...]
    cycles_per_frame: float | None
    ideal_cycles_per_frame: int
    random_cycles_per_frame: float | None
    frames_per_second: float | None
    bytes_per_read_burst: float | None
    bytes_per_write_burst: float | None
    read_utilisation: float | None
    write_utilisation: float | None
    read_stalls_per_frame: float | None
    write_stalls_per_frame: float | None
    accuracy: float | None
    integer_accuracy: float | None
    simulated_frames_per_wall_second: float
    seconds: float
    processor: str

    @property
    def ok(self) -> bool:
        """Whether every result is right and no rule was broken."""
        return not (self.mismatches or self.error or self.violations)

    def to_json(self) -> dict[str, Any]:
        """As ``slipstick simulate --system --json`` prints it and ``system.json`` holds it."""
        return asdict(self)


def write_result(folder: Path, document: Mapping[str, Any]) -> None:
    """Writes ``system.json`` into build ``folder``; never half a file."""
    write_whole(folder / FILE, json.dumps(document, indent=1) + "\n")
