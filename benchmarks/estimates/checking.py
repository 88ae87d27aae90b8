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
FEWEST = 50
"""LUTs of an instance from which its error is that of a layer and not of a few gates."""


def check(folders: Iterable[Path]) -> dict[str, tuple[float, float]]:
    """Prints what today's estimate says of each instance and what Yosys found.

    Returns by folder's name the error of all LUTs, and the largest of an instance.
    """
    return {folder.name: _check(folder) for folder in folders}


def _check(folder: Path) -> tuple[float, float]:
    print(folder.name)
    errors: list[float] = []
    for name, mine, real in compared(folder):
        error = mine["lut"] / real["lut"] - 1 if real["lut"] else 0.0
        pairs = " ".join(f"{mine[kind]:8g}/{real[kind]:<8g}" for kind in KINDS)
        print(f"  {name:32} {pairs} {100 * error:+6.1f} %")
        if real["lut"] >= FEWEST:
            errors.append(error)
    *layers, whole = errors
    return whole, max(layers, key=abs)


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
