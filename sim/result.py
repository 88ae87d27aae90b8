"""What a simulation found."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slipstick.files import write_whole

FILE = "simulation.json"


@dataclass(frozen=True)
class Mismatch:
    """A value that differs: where it is, and what it should have been.

    ``channel`` is None for a lane that should carry nothing. ``expected`` is None for a value
    after the end of the stream, ``got`` is None for one that a simulator could not tell (X).
    """

    frame: int
    channel: int | None
    row: int
    column: int
    expected: int | None
    got: int | None


@dataclass(frozen=True)
class LayerResult:
    """One stream, compared.

    Attributes
    ----------
    tensor : that travels on it.
    instance : the stage it leaves; for the ports, the top module.
    mismatches : values that differ, and beats too many.
    first_mismatch : the first of them.
    cycles_per_frame : measured at this stream with frames back to back; None if not measured.
    ideal_cycles_per_frame : what the stage was planned to take.
    """

    tensor: str
    instance: str
    mismatches: int
    first_mismatch: Mismatch | None
    cycles_per_frame: float | None
    ideal_cycles_per_frame: int


@dataclass(frozen=True)
class SimulationResult:
    """What `slipstick.sim.simulate` found.

    Attributes
    ----------
    frames : simulated.
    layers_compared : streams of stages, each compared with the golden model beat by beat.
    mismatches : values that differ, in all layers and at the output, and ``violations``.
    violations : rules of streams that were broken, in words.
    cycles_per_frame : measured at the output, frames back to back; None with fewer than two
        frames, or with random traffic only.
    ideal_cycles_per_frame : what the compiler promised.
    frames_per_second : of the hardware, at the board's clock.
    latency_cycles : from a frame's first beat in to its last beat out, circuit empty.
    accuracy : of the RTL's own outputs; None without labels.
    integer_accuracy : of the golden model on the same frames.
    per_layer : one entry a stage; ``output`` is the stream at the ports.
    """

    frames: int
    layers_compared: int
    mismatches: int
    violations: tuple[str, ...]
    cycles_per_frame: float | None
    ideal_cycles_per_frame: int
    frames_per_second: float | None
    latency_cycles: int | None
    accuracy: float | None
    integer_accuracy: float | None
    simulated_frames_per_wall_second: float
    simulated_cycles_per_wall_second: float
    seconds: float
    simulator: str
    per_layer: tuple[LayerResult, ...]
    output: LayerResult

    def to_json(self) -> dict[str, Any]:
        """As ``slipstick simulate --json`` prints it and ``simulation.json`` holds it."""
        return asdict(self)


def write_result(folder: Path, document: Mapping[str, Any]) -> None:
    """Writes ``simulation.json`` into build ``folder``; never half a file."""
    write_whole(folder / FILE, json.dumps(document, indent=1) + "\n")
