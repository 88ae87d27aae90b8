"""Folds that make the best of a board: exact dynamic programming over the open streams.

Stages are decided in the graph's order. What a stage costs depends on its own fold and on the
layouts in which its inputs pass, so that two beginnings of the circuit which leave the same
layouts on the streams that are still read differ in nothing but what they cost: of those the
cheapest is kept for every number of block RAMs. So the result is optimal for the estimates, over
the folds that `StageTable` offers.

Ties: fewer LUTs, then fewer block RAMs, then what comes first in the tables; nothing is random.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from slipstick.estimate.candidates import Candidate, StageTable, Tables
from slipstick.fold import Fold, carrier
from slipstick.graph import Flatten, Graph
from slipstick.streams import Layout

Layouts = tuple[tuple[str, Layout], ...]
"""The layouts of the streams that are still read, in the order in which they were made."""
NEVER = np.iinfo(np.int64).max // 4
"""LUTs of what cannot be built."""
NARROWING = 0.8
"""How the interval is brought closer to the best one before it is bisected."""
LUTS_OF_LANE = 30
"""LUTs a lane, to guess where to begin."""


@dataclass(frozen=True)
class Budget:
    """What may be spent: LUTs of any use, and halves of block RAMs."""

    luts: int
    bram18: int


@dataclass(frozen=True)
class Solution:
    """The best folds for an interval.

    Attributes
    ----------
    folds : by instance.
    interval : cycles of the slowest stage or stream.
    luts, bram18 : what they are estimated to take.
    is_best : no folds that are offered are better.
    """

    folds: Mapping[str, Fold]
    interval: int
    luts: int
    bram18: int
    is_best: bool = True


@dataclass(frozen=True)
class _Way:
    """From one state to another: the state before, and what was decided."""

    before: Layouts
    candidate: Candidate


@dataclass(frozen=True)
class _State:
    """LUTs for each number of block RAMs at most, and the way there: ``(bram18 + 1,)``."""

    luts: np.ndarray
    chosen: np.ndarray
    ways: tuple[_Way, ...]


States = dict[Layouts, _State]


def fastest(tables: Tables, budget: Budget) -> Solution | None:
    """The folds of the shortest interval within ``budget``; None if nothing fits.

    More taps in parallel cost more, so that what fits an interval fits every longer one.
    """
    longest = _longest(tables)
    interval = _guess(tables, budget.luts // LUTS_OF_LANE, longest)
    best = cheapest(tables, interval, budget)
    while best is None and interval < longest:
        interval = min(longest, round(interval / NARROWING) + 1)
        best = cheapest(tables, interval, budget)
    if best is None:
        return None
    too_short = 0
    while too_short + 1 < best.interval:
        far = too_short < best.interval * NARROWING
        tried = round(best.interval * NARROWING) if far else (too_short + best.interval) // 2
        found = cheapest(tables, max(tried, too_short + 1), budget)
        if found is None:
            too_short = max(tried, too_short + 1)
        else:
            best = found
    return best


def cheapest(tables: Tables, interval: int, budget: Budget) -> Solution | None:
    """The folds of the fewest LUTs of at most ``interval`` cycles; None if nothing fits.

    Where branches meet, a FIFO is priced for the interval that the circuit then has.
    """
    found = _cheapest(tables, interval, budget)
    if all(len(table.nodes.inputs) == 1 for table in tables.stages):
        return found
    while found is not None and found.interval < interval:
        interval = found.interval
        found = _cheapest(tables, interval, budget)
    return found


def _cheapest(tables: Tables, interval: int, budget: Budget) -> Solution | None:
    states = _first_states(tables, interval, budget)
    trail = [states]
    for number, table in enumerate(tables.stages):
        states = _decide(tables, number, table, states, interval, budget)
        trail.append(states)
    ends = [(_with_output(tables, layouts, state), layouts) for layouts, state in states.items()]
    ends = [(luts, layouts) for luts, layouts in ends if luts[-1] <= budget.luts]
    if not ends:
        return None
    luts, layouts = min(ends, key=lambda end: (end[0][-1], int(np.argmax(end[0] == end[0][-1]))))
    spent = int(np.argmax(luts == luts[-1]))
    return _traced(tables, trail, layouts, int(luts[-1]), spent)


def _first_states(tables: Tables, interval: int, budget: Budget) -> States:
    graph = tables.graph
    shape = graph.tensors[graph.input.name].shape
    states: States = {}
    for layout in tables.input_layouts():
        if layout.frame_beats(shape) <= interval:
            luts = np.full(budget.bram18 + 1, tables.of_input(layout).all_luts)
            states[((graph.input.name, layout),)] = _State(luts, np.zeros_like(luts), ())
    return states


def _decide(
    tables: Tables, number: int, table: StageTable, states: States, interval: int, budget: Budget
) -> States:
    """The states behind stage ``number``."""
    reached: dict[Layouts, list[tuple[np.ndarray, _Way]]] = {}
    open_streams = open_after(tables, number)
    for layouts, state in states.items():
        known = dict(layouts)
        sources = tuple(layout_of(tables.graph, name, known) for name in table.nodes.inputs)
        for candidate in table.candidates(sources, interval):
            if candidate.bram18 > budget.bram18:
                continue
            luts = np.full_like(state.luts, NEVER)
            left = len(luts) - candidate.bram18
            luts[candidate.bram18 :] = state.luts[:left] + candidate.luts
            if luts[-1] > budget.luts:
                continue
            after = {**known, table.nodes.output: candidate.output}
            kept = tuple((name, layout) for name, layout in after.items() if name in open_streams)
            reached.setdefault(kept, []).append((luts, _Way(layouts, candidate)))
    return {layouts: _cheapest_way(ways) for layouts, ways in reached.items()}


def _cheapest_way(ways: list[tuple[np.ndarray, _Way]]) -> _State:
    luts = np.stack([each for each, _ in ways])
    chosen = luts.argmin(axis=0)
    return _State(luts.min(axis=0), chosen, tuple(way for _, way in ways))


def open_after(tables: Tables, number: int) -> frozenset[str]:
    """Streams that stages behind ``number``, or the output, read."""
    graph = tables.graph
    names = [name for table in tables.stages[number + 1 :] for name in table.nodes.inputs]
    return frozenset(carrier(graph, name) for name in (*names, graph.output))


def layout_of(graph: Graph, tensor: str, known: Mapping[str, Layout]) -> Layout:
    """How ``tensor`` passes, where the streams of the stages pass as ``known``."""
    node = graph[tensor]
    if not isinstance(node, Flatten):
        return known[tensor]
    source = node.inputs[0]
    return layout_of(graph, source, known).flattened(graph.tensors[source].shape)


def _with_output(tables: Tables, layouts: Layouts, state: _State) -> np.ndarray:
    """LUTs with those at the network's output."""
    layout = layout_of(tables.graph, tables.graph.output, dict(layouts))
    return state.luts + tables.of_output(layout).all_luts


def _traced(
    tables: Tables, trail: list[States], layouts: Layouts, luts: int, bram18: int
) -> Solution:
    """The solution that ends in ``layouts`` with so many LUTs and block RAMs."""
    folds: dict[str, Fold] = {}
    interval, left = 0, bram18
    for table, states in zip(reversed(tables.stages), reversed(trail[1:]), strict=True):
        state = states[layouts]
        way = state.ways[state.chosen[left]]
        interval = max(interval, way.candidate.cycles)
        left -= way.candidate.bram18
        layouts = way.before
        if way.candidate.fold is not None:
            folds[table.nodes.instance] = way.candidate.fold
    ((name, layout),) = layouts
    interval = max(interval, layout.frame_beats(tables.graph.tensors[name].shape))
    return Solution(dict(reversed(folds.items())), interval, luts, bram18)


def _longest(tables: Tables) -> int:
    """An interval that the smallest folds meet."""
    graph = tables.graph
    values = max(int(np.prod(tensor.shape)) for tensor in graph.tensors.values())
    return max(values, *(max(t.cycles.values()) for t in tables.stages if t.cycles), 1)


def _guess(tables: Tables, lanes: int, longest: int) -> int:
    """The shortest interval that the fewest lanes of each engine meet with ``lanes`` in all."""
    low, high = 1, longest
    while low < high:
        middle = (low + high) // 2
        fewest = [_fewest_lanes(table, middle) for table in tables.stages if table.cycles]
        if all(fewest) and sum(filter(None, fewest)) <= lanes:
            high = middle
        else:
            low = middle + 1
    return low


def _fewest_lanes(table: StageTable, interval: int) -> int | None:
    return min((f.lanes for f, cycles in table.cycles.items() if cycles <= interval), default=None)
