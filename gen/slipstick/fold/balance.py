"""Gives each engine the fewest lanes with which no stage is slower than the rest need be."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from slipstick.errors import SlipstickError
from slipstick.fold.engine_fold import (
    Fold,
    Shape,
    check_fold,
    divisors,
    engine_cycles,
    legal_folds,
    stage_shape,
)
from slipstick.fold.stages import StageNodes
from slipstick.graph import Graph, Tensor
from slipstick.rtl_templates.weight_rom import RomStyle

SHIFT_LUTS, L1_LUTS, POOL_LUTS = 34, 20, 10
"""Estimated LUTs of a lane with its share of the tree, to weigh one fold against another."""
OUTPUT_LUTS = 60
"""Estimated LUTs that each parallel output channel costs behind its lanes."""
REGROUP_LUTS = 8
"""Estimated LUTs a channel where a stream must change its number of lanes."""


@dataclass(frozen=True)
class PinnedFold:
    """What the user decided of one layer's fold; None where not."""

    outputs: int | None = None
    inputs: int | None = None
    taps: int | None = None
    rom: RomStyle | None = None


@dataclass(frozen=True)
class FoldChoices:
    """What the user decided.

    Attributes
    ----------
    lanes : lanes that may be spent in all.
    interval : cycles a frame may take, or None for the fastest within ``lanes``.
    pinned : by layer name.
    """

    lanes: int = 256
    interval: int | None = None
    pinned: Mapping[str, PinnedFold] = field(default_factory=dict)


@dataclass(frozen=True)
class _Candidate:
    fold: Fold
    cycles: int
    cost: int


def balance(graph: Graph, stages: tuple[StageNodes, ...], choices: FoldChoices) -> dict[str, Fold]:
    """A fold for every engine, by instance name.

    The interval is the smallest for which the cheapest folds need at most ``choices.lanes``
    lanes, or ``choices.interval``. Raises `SlipstickError` if that cannot be met.
    """
    tables: dict[str, list[_Candidate]] = {}
    for stage in stages:
        source = graph.tensors[stage.inputs[0]]
        shape = stage_shape(stage, graph.tensors)
        if shape is not None:
            pinned = choices.pinned.get(stage.node.name, PinnedFold())
            tables[stage.instance] = _candidates(shape, source, pinned)
    if not tables:
        return {}
    fastest = max(min(c.cycles for c in table) for table in tables.values())
    if choices.interval is not None:
        if choices.interval < fastest:
            raise SlipstickError(
                "[fold] interval",
                f"{choices.interval} cycles a frame cannot be met, the best is {fastest}",
                f"set it to {fastest} or more",
            )
        return _cheapest(stages, tables, graph.tensors, choices.interval)
    intervals = sorted(
        {c.cycles for table in tables.values() for c in table if c.cycles >= fastest}
    )
    low, high = 0, len(intervals) - 1
    while low < high:
        middle = (low + high) // 2
        folds = _cheapest(stages, tables, graph.tensors, intervals[middle])
        if sum(fold.lanes for fold in folds.values()) <= choices.lanes:
            high = middle
        else:
            low = middle + 1
    return _cheapest(stages, tables, graph.tensors, intervals[low])


def possible_folds(
    shape: Shape, pinned: PinnedFold, sizes: Callable[[int], list[int]] = divisors
) -> list[Fold]:
    """The folds of ``sizes`` of the channel counts, with what the user decided.

    Raises `SlipstickError` if what was decided fits none.
    """
    wanted = {key: value for key, value in vars(pinned).items() if value is not None}
    folds = dict.fromkeys(replace(fold, **wanted) for fold in legal_folds(shape, sizes))
    legal = [fold for fold in folds if _is_legal(shape, fold)]
    if not legal:
        # Nothing fits the pinned values: let the first clash say why.
        check_fold(shape, min(folds, key=lambda fold: fold.outputs))
    return sorted(legal, key=lambda fold: (fold.outputs, fold.inputs, fold.taps))


def _candidates(shape: Shape, source: Tensor, pinned: PinnedFold) -> list[_Candidate]:
    folds = possible_folds(shape, pinned)
    return sorted(
        (_Candidate(f, engine_cycles(shape, f, source), _cost(shape, f)) for f in folds),
        key=lambda c: (c.cost, c.cycles, c.fold.outputs, c.fold.inputs, c.fold.taps),
    )


def _is_legal(shape: Shape, fold: Fold) -> bool:
    try:
        check_fold(shape, fold)
    except SlipstickError:
        return False
    return True


def _cost(shape: Shape, fold: Fold) -> int:
    lane = SHIFT_LUTS * shape.terms if shape.terms > 1 else max(L1_LUTS, SHIFT_LUTS * shape.terms)
    if shape.terms == 0:
        lane = POOL_LUTS
    return fold.lanes * lane + fold.outputs * OUTPUT_LUTS


def _cheapest(
    stages: tuple[StageNodes, ...],
    tables: Mapping[str, list[_Candidate]],
    tensors: Mapping[str, Tensor],
    interval: int,
) -> dict[str, Fold]:
    """For every engine the cheapest candidate of at most ``interval`` cycles.

    A candidate that takes the stream as its producer sends it saves the regrouping; one that
    the regrouping would slow down is the last choice.
    """
    folds: dict[str, Fold] = {}
    lanes: dict[str, int] = {}
    for stage in stages:
        sent = [lanes[name] for name in stage.inputs if name in lanes]
        before = max(sent, default=0)
        if stage.instance not in tables:
            lanes[stage.output] = before
            continue
        fitting = [c for c in tables[stage.instance] if c.cycles <= interval]
        source = tensors[stage.inputs[0]]
        chosen = min(fitting, key=lambda c: _rank(c, before, source, interval))
        folds[stage.instance] = chosen.fold
        lanes[stage.output] = chosen.fold.outputs
    return folds


def _rank(
    candidate: _Candidate, before: int, source: Tensor, interval: int
) -> tuple[bool, int, int]:
    """Slowed down by its regrouping, LUTs, cycles; ``before`` is the lanes it is sent, or 0."""
    taken = candidate.fold.inputs
    if before in (0, taken):
        return False, candidate.cost, candidate.cycles
    channels, height, width = source.shape
    slow = height * width * -(-channels // math.gcd(before, taken)) > interval
    return slow, candidate.cost + REGROUP_LUTS * max(before, taken), candidate.cycles
