"""Folds of the least latency: dynamic programming over the times at which rows come.

Stages are decided in the graph's order, as in `slipstick.estimate.solve`. Two beginnings of the
circuit that leave the same layouts differ in what they cost and in when the rows of the streams
that are still read have passed. Later rows never make an earlier result, so of two beginnings the
one is of no use that costs no less and is earlier in no row. All others are kept, but no more than
`KEPT` of about the same cost: those whose rows have passed first. As long as nothing was left out
for that reason, the result is the best there is for the estimates, over the folds offered.

What is kept of a beginning depends on cheaper ones alone. So a larger budget keeps all that a
smaller one does, and its result is never later.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slipstick.estimate.candidates import Candidate, StageTable, Tables
from slipstick.estimate.latency import entering_times, stage_times
from slipstick.estimate.solve import (
    NEVER,
    Budget,
    Layouts,
    Solution,
    layout_of,
    open_after,
)
from slipstick.fold import Fold
from slipstick.graph import Flatten, Graph
from slipstick.streams import Layout

LUT_CLASS, BRAM_CLASS = 1.05, 4.0
"""Ratio of costs that are about the same."""
KEPT = 4
"""Beginnings of about the same cost that are kept, at most."""
COMPARED = 12 * KEPT
"""Those of about the same cost among which useless ones are looked for."""


@dataclass(frozen=True, eq=False)
class _Beginnings:
    """Beginnings of the circuit that leave the same layouts, the cheapest first.

    Attributes
    ----------
    times : of the streams still read, side by side, ``(n, rows of all)``.
    luts, bram18 : ``(n,)``.
    way, before : what was decided last, as an index to ``ways``; and behind which beginning.
    ways : the layouts before, and the candidate.
    """

    times: np.ndarray
    luts: np.ndarray
    bram18: np.ndarray
    way: np.ndarray
    before: np.ndarray
    ways: Sequence[tuple[Layouts, Candidate]]


Front = dict[Layouts, _Beginnings]


def quickest(tables: Tables, interval: int | None, budget: Budget) -> Solution | None:
    """The folds of the least latency within ``budget`` and ``interval``; None if nothing fits.

    Ties: fewer LUTs, then fewer block RAMs, then what comes first in the tables.
    """
    limit = Budget(_class_end(budget.luts, LUT_CLASS), _class_end(budget.bram18, BRAM_CLASS))
    search = _Search(tables, interval, limit)
    trail = [search.entering()]
    for number, table in enumerate(tables.stages):
        trail.append(search.decided(number, table, trail[-1]))
    best: tuple[int, int, int, Layouts, int] | None = None
    for layouts, ends in trail[-1].items():
        behind = tables.of_output(layout_of(tables.graph, tables.graph.output, dict(layouts)))
        luts = ends.luts + behind.all_luts
        fits = np.flatnonzero((luts <= budget.luts) & (ends.bram18 <= budget.bram18))
        for end in fits.tolist():
            found = (int(ends.times[end, -1]), int(luts[end]), int(ends.bram18[end]), layouts, end)
            if best is None or found[:3] < best[:3]:
                best = found
    return None if best is None else search.traced(trail, *best)


class _Search:
    """One search; ``limit`` is the budget, rounded up to where costs are no more the same."""

    def __init__(self, tables: Tables, interval: int | None, limit: Budget) -> None:
        self._tables, self._graph = tables, tables.graph
        shortest = max((min(t.cycles.values()) for t in tables.stages if t.cycles), default=1)
        self._intervals = shortest, interval or NEVER
        self._limit = limit
        self._is_best = True

    def entering(self) -> Front:
        """How the input can pass."""
        name = self._graph.input.name
        front: Front = {}
        for layout in self._tables.input_layouts():
            if layout.frame_beats(self._graph.tensors[name].shape) <= self._intervals[1]:
                times = entering_times(self._graph, layout)[None]
                luts = np.array([self._tables.of_input(layout).all_luts])
                none = np.zeros(1, np.int64)
                front[((name, layout),)] = _Beginnings(times, luts, none, none, none, ())
        return front

    def decided(self, number: int, table: StageTable, front: Front) -> Front:
        """The beginnings behind stage ``number``."""
        still_read = open_after(self._tables, number)
        reached: dict[Layouts, list[_Beginnings]] = {}
        for layouts, begun in front.items():
            known = dict(layouts)
            times = _by_stream(self._graph, layouts, begun.times)
            sources = tuple(layout_of(self._graph, n, known) for n in table.nodes.inputs)
            arrived = [_times_of(self._graph, name, times) for name in table.nodes.inputs]
            for candidate in table.quick_candidates(sources, self._intervals, self._limit.luts):
                luts, bram18 = begun.luts + candidate.luts, begun.bram18 + candidate.bram18
                fits = (luts <= self._limit.luts) & (bram18 <= self._limit.bram18)
                chosen = np.flatnonzero(fits)
                if not len(chosen):
                    continue
                made = stage_times(
                    self._graph,
                    candidate.stage,
                    candidate.behind,
                    sources,
                    [each[chosen] for each in arrived],
                )
                after = {n: each[chosen] for n, each in times.items()} | {table.nodes.output: made}
                passes = known | {table.nodes.output: candidate.output}
                kept = tuple((n, layout) for n, layout in passes.items() if n in still_read)
                reached.setdefault(kept, []).append(
                    _Beginnings(
                        np.concatenate([after[name] for name, _ in kept], axis=1),
                        luts[chosen],
                        bram18[chosen],
                        np.zeros(len(chosen), np.int64),
                        chosen,
                        ((layouts, candidate),),
                    )
                )
        return {layouts: self._useful(parts) for layouts, parts in reached.items()}

    def _useful(self, parts: Sequence[_Beginnings]) -> _Beginnings:
        """Those of ``parts`` that can lead to the best."""
        joined = _joined(parts)
        latest = joined.times.max(axis=1)
        classes = np.stack(
            [_class_of(joined.bram18, BRAM_CLASS), _class_of(joined.luts, LUT_CLASS)]
        )
        order = np.lexsort((joined.bram18, joined.luts, latest, *classes))
        ends = np.flatnonzero(np.any(np.diff(classes[:, order]), axis=0)) + 1
        kept: list[np.ndarray] = []
        for alike in np.split(order, ends):
            useful = _undominated(joined, alike[:COMPARED])
            self._is_best &= len(useful) <= KEPT and len(alike) <= COMPARED
            kept.append(useful[:KEPT])
        return _picked(joined, _undominated(joined, np.concatenate(kept)))

    def traced(
        self,
        trail: Sequence[Front],
        latency: int,
        luts: int,
        bram18: int,
        layouts: Layouts,
        end: int,
    ) -> Solution:
        """The solution that ends in ``layouts`` with number ``end``."""
        folds: dict[str, Fold] = {}
        interval = 0
        for table, front in zip(reversed(self._tables.stages), reversed(trail), strict=False):
            begun = front[layouts]
            way, end = int(begun.way[end]), int(begun.before[end])
            layouts, candidate = begun.ways[way]
            interval = max(interval, candidate.cycles)
            if candidate.fold is not None:
                folds[table.nodes.instance] = candidate.fold
        ((name, layout),) = layouts
        interval = max(interval, layout.frame_beats(self._graph.tensors[name].shape))
        folds = dict(reversed(folds.items()))
        return Solution(folds, interval, luts, bram18, self._is_best)


def _by_stream(graph: Graph, layouts: Layouts, times: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of ``times``, stream by stream."""
    rows = [_rows(graph, name, layout) for name, layout in layouts]
    parts = np.split(times, np.cumsum(rows)[:-1], axis=1)
    return {name: part for (name, _), part in zip(layouts, parts, strict=True)}


def _rows(graph: Graph, name: str, layout: Layout) -> int:
    """Rows in which a stream passes: one, where an image passes as one pixel."""
    shape = graph.tensors[name].shape
    return min(shape[1], layout.pixels(shape))


def _times_of(graph: Graph, tensor: str, times: Mapping[str, np.ndarray]) -> np.ndarray:
    node = graph[tensor]
    if not isinstance(node, Flatten):
        return times[tensor]
    return _times_of(graph, node.inputs[0], times)[:, -1:]


def _joined(parts: Sequence[_Beginnings]) -> _Beginnings:
    """All of ``parts``, each of which has one way."""
    sizes = [len(part.luts) for part in parts]
    return _Beginnings(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.luts for part in parts]),
        np.concatenate([part.bram18 for part in parts]),
        np.repeat(np.arange(len(parts)), sizes),
        np.concatenate([part.before for part in parts]),
        [way for part in parts for way in part.ways],
    )


def _picked(begun: _Beginnings, chosen: np.ndarray) -> _Beginnings:
    return _Beginnings(
        begun.times[chosen],
        begun.luts[chosen],
        begun.bram18[chosen],
        begun.way[chosen],
        begun.before[chosen],
        begun.ways,
    )


def _undominated(begun: _Beginnings, numbers: np.ndarray) -> np.ndarray:
    """Those of ``numbers`` that no other beats, nor equals and comes before; in their order."""
    beats = np.ones((len(numbers), len(numbers)), bool)
    for values in (begun.luts, begun.bram18, *begun.times.T):
        beats &= values[numbers, None] <= values[numbers]
    # Of equal ones the first stays.
    beats &= ~beats.T | np.triu(np.ones_like(beats), 1)
    return numbers[~beats.any(axis=0)]


def _class_of(costs: np.ndarray, ratio: float) -> np.ndarray:
    """Numbers of the classes of costs that are about the same."""
    classes: np.ndarray = (np.log1p(costs) / math.log(ratio)).astype(np.int64)
    return classes


def _class_end(cost: int, ratio: float) -> int:
    """The largest cost of the class of ``cost``."""
    number = _class_of(np.array(cost), ratio)
    beyond = np.arange(cost, math.ceil((cost + 1) * ratio) + 1)
    return int(beyond[_class_of(beyond, ratio) == number].max())
