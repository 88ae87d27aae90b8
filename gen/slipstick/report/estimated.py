"""What was estimated before synthesis beside what Yosys counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipstick.build_folder import Manifest
from slipstick.built import read_build
from slipstick.report.results import Estimate, Synthesis, Taken, read_estimate, read_synthesis


@dataclass(frozen=True)
class Comparison:
    """A row of the circuit; what was not synthesised is None.

    Attributes
    ----------
    instance : name in the Verilog, or ``"total"``.
    title : the name of its layer, or its instance's.
    """

    instance: str
    title: str
    estimated: Taken
    counted: Taken | None

    @property
    def error(self) -> float | None:
        """The estimated LUTs above the counted ones, as a fraction of these."""
        if not self.counted or not self.counted.lut:
            return None
        return self.estimated.lut / self.counted.lut - 1


def comparisons(
    manifest: Manifest, estimate: Estimate | None, synthesis: Synthesis | None
) -> tuple[Comparison, ...]:
    """A row an instance that was estimated, and the total; none for a build without estimate."""
    if not estimate:
        return ()
    titles = {stage.instance: stage.nodes[0] for stage in manifest.stages}
    counted = {row.instance: row.taken for row in (synthesis.per_layer if synthesis else ())}
    rows = [
        Comparison(
            row.instance,
            titles.get(row.instance, row.instance),
            row.taken,
            counted.get(row.instance),
        )
        for row in estimate.per_layer
    ]
    whole = synthesis.taken if synthesis else None
    return (*rows, Comparison("total", "total", estimate.taken, whole))


def compared(folder: Path) -> list[dict[str, Any]]:
    """The same as JSON: of each row the counts by kind, and the error of LUTs."""
    manifest, _ = read_build(folder)
    rows = comparisons(manifest, read_estimate(folder), read_synthesis(folder))
    return [
        {
            "instance": row.instance,
            "estimated": row.estimated.model_dump(),
            "counted": row.counted and row.counted.model_dump(),
            "lut_error": None if row.error is None else round(row.error, 4),
        }
        for row in rows
    ]
