"""The rows of the table of layers: what each stage is, does, and takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from slipstick.build_folder import Manifest, StageRecord
from slipstick.graph import Graph, Tensor
from slipstick.report.results import ComparedLayer, Counts, Simulation, Synthesis
from slipstick.report.text import grid, shape

PLUMBING = "stream plumbing"
GLUE = "glue"
POINTS = 64
"""Channels drawn in a picture of intervals; more are thinned out."""


@dataclass(frozen=True)
class Interval:
    """The proven interval of a tensor.

    Attributes
    ----------
    low, high : of all channels together.
    ends : lowest and highest value of each drawn channel, 0 to 1 from ``low`` to ``high``.
    zero : where 0 lies on that scale, if it does.
    """

    low: int
    high: int
    ends: tuple[tuple[float, float], ...]
    zero: float | None


@dataclass(frozen=True)
class Layer:
    """A stage, with everything the page says about it."""

    instance: str
    nodes: tuple[str, ...]
    kind: str
    shape: str
    fold: str
    lanes: int
    cycles: int
    share: float
    is_slowest: bool
    grid: str
    interval: Interval
    saturations: int | None
    counts: Counts | None
    compared: ComparedLayer | None


@dataclass(frozen=True)
class Remainder:
    """What the circuit takes besides its stages."""

    title: str
    detail: str
    counts: Counts


def layers(
    manifest: Manifest,
    graph: Graph,
    simulation: Simulation | None,
    synthesis: Synthesis | None,
) -> tuple[Layer, ...]:
    """A row a stage, in the manifest's order."""
    counts = {row.instance: row.counts for row in (synthesis.per_layer if synthesis else ())}
    compared = {row.instance: row for row in (simulation.per_layer if simulation else ())}
    slowest = max(stage.cycles for stage in manifest.stages)
    return tuple(
        _layer(
            manifest,
            stage,
            graph.tensors[stage.output],
            slowest,
            counts.get(stage.instance),
            compared.get(stage.instance),
        )
        for stage in manifest.stages
    )


def remainders(synthesis: Synthesis | None) -> tuple[Remainder, ...]:
    """Sums over the rows of a synthesis that are no stages."""
    if not synthesis:
        return ()
    plumbing = [row.counts for row in synthesis.per_layer if row.kind == PLUMBING]
    glue = [row.counts for row in synthesis.per_layer if row.kind == GLUE]
    found = (
        ("links", f"{len(plumbing)} forks, FIFOs, regroups", plumbing),
        ("top module", "its own logic", glue),
    )
    return tuple(Remainder(title, detail, _sum(rows)) for title, detail, rows in found if rows)


def fold_text(stage: StageRecord) -> str:
    """The lanes of ``stage``, empty if it is no engine."""
    fold = stage.fold
    if fold is None:
        return ""
    return f"P{fold.P} S{fold.S} Q{fold.Q}" + (f" {fold.rom}" if fold.rom else "")


def _layer(
    manifest: Manifest,
    stage: StageRecord,
    tensor: Tensor,
    slowest: int,
    counts: Counts | None,
    compared: ComparedLayer | None,
) -> Layer:
    known = [manifest.saturations[n] for n in stage.nodes if n in manifest.saturations]
    return Layer(
        instance=stage.instance,
        nodes=stage.nodes,
        kind=stage.kind,
        shape=shape(tensor.shape),
        fold=fold_text(stage),
        lanes=stage.lanes,
        cycles=stage.cycles,
        share=stage.cycles / slowest,
        is_slowest=stage.cycles == slowest,
        grid=grid(tensor.width, tensor.signed, tensor.frac),
        interval=_interval(tensor),
        saturations=sum(known) if known else None,
        counts=counts,
        compared=compared,
    )


def _interval(tensor: Tensor) -> Interval:
    low, high = int(tensor.lo.min()), int(tensor.hi.max())
    span = max(1, high - low)
    drawn = np.unique(np.linspace(0, len(tensor.lo) - 1, POINTS).round().astype(int))
    ends = tuple(
        ((int(tensor.lo[c]) - low) / span, (int(tensor.hi[c]) - low) / span) for c in drawn
    )
    return Interval(low, high, ends, -low / span if low <= 0 <= high else None)


def _sum(rows: Iterable[Counts]) -> Counts:
    return reduce(lambda a, b: a + b, rows)
