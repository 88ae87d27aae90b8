"""Estimate beside synthesis, for build folders: networks that no sweep has seen."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from table import table

from slipstick.estimate import Resources, estimate, total
from slipstick.fold import Fold, plan_with
from slipstick.graph import load

KINDS = ("lut", "ff", "lutram", "bram36")
FEWEST = 50
"""LUTs of an instance from which its error is that of a layer and not of a few gates."""

PAGE = Path(__file__).parents[2] / "build" / "estimates.md"
"""Where `check` leaves its table for the manual."""


@dataclass(frozen=True)
class Checked:
    """Estimate and synthesis of a network.

    Attributes
    ----------
    mine, real : of the whole circuit, by kind.
    errors : of the LUTs of each instance, with these LUTs.
    """

    name: str
    mine: Mapping[str, float]
    real: Mapping[str, float]
    errors: Sequence[tuple[float, int]]

    def error(self, kind: str) -> float:
        """By what part of the truth the estimate is off, with its sign."""
        return _error(self.mine, self.real, kind)

    def worst(self, fewest: int = FEWEST) -> float:
        """The largest error of an instance of at least ``fewest`` LUTs."""
        return max((error for error, luts in self.errors if luts >= fewest), key=abs, default=0.0)


def check(folders: Iterable[Path]) -> dict[str, tuple[float, float]]:
    """Prints what today's estimate says of each instance and what Yosys found.

    Returns by folder's name the error of all LUTs, and the largest of an instance; writes `PAGE`.
    """
    found = [_checked(folder) for folder in folders]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(_markdown(found), encoding="utf-8")
    return {each.name: (each.error("lut"), each.worst()) for each in found}


def _checked(folder: Path) -> Checked:
    print(folder.name)
    rows = compared(folder)
    for name, mine, real in rows:
        pairs = " ".join(f"{mine[kind]:8g}/{real[kind]:<8g}" for kind in KINDS)
        print(f"  {name:32} {pairs} {100 * _error(mine, real):+6.1f} %")
    *layers, (_, mine, real) = rows
    errors = [(_error(*sides), sides[1]["lut"]) for _, *sides in layers]
    return Checked(folder.name, mine, real, errors)


def _error(mine: Mapping[str, float], real: Mapping[str, float], kind: str = "lut") -> float:
    """By what part of the truth the estimate is off, with its sign."""
    return mine[kind] / real[kind] - 1 if real[kind] else 0.0


def _markdown(rows: Iterable[Checked]) -> str:
    headings = ("network", "LUT estimated", "Yosys", "error", "worst instance", "worst of 100 LUTs")
    others = ("FF", "LUT as RAM", "BRAM36")
    lines = [
        (
            f"`{row.name}`",
            *(f"{side['lut']:,.0f}" for side in (row.mine, row.real)),
            *(f"{error:+.1%}" for error in (row.error("lut"), row.worst(), row.worst(100))),
            *(f"{row.error(kind):+.1%}" for kind in KINDS[1:]),
        )
        for row in rows
    ]
    return table((*headings, *others), lines) + "\n"


def compared(folder: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, estimate and synthesis of each instance, the whole circuit last."""
    synthesis = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    found = {row["instance"]: row for row in synthesis["per_layer"]}
    estimates = estimated(folder)
    rows = [(name, asdict(each), found[name]) for name, each in estimates.items()]
    return [*rows, ("total", asdict(total(estimates)), synthesis)]


def estimated(folder: Path) -> dict[str, Resources]:
    """What each instance of the build in ``folder`` is estimated to take now."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    graph = load(folder / "graph")
    folds = {s["instance"]: Fold(*s["fold"].values()) for s in manifest["stages"] if s["fold"]}
    return dict(estimate(graph, plan_with(graph, folds)))
