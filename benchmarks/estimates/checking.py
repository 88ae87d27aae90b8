"""Estimate beside synthesis, for build folders: networks that no sweep has seen."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slipstick.estimate import Resources, estimate, total
from slipstick.fold import Fold, plan_with
from slipstick.graph import load

KINDS = ("lut", "ff", "lutram", "bram36")


def check(folders: Iterable[Path]) -> None:
    """Prints what today's estimate says of each instance and what Yosys found."""
    for folder in folders:
        print(folder.name)
        for name, mine, real in compared(folder):
            pairs = " ".join(f"{mine[kind]:8g}/{real[kind]:<8g}" for kind in KINDS)
            print(f"  {name:32} {pairs} {_error(mine['lut'], real['lut'])}")


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


def _error(mine: float, real: float) -> str:
    return f"{100 * (mine / real - 1):+6.1f} %" if real else ""
