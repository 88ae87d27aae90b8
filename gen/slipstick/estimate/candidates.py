# amaranth: UnusedElaboratable=no
"""What a stage can be, given how its inputs pass: folds, layouts, cycles, costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

from slipstick.elaborate import component
from slipstick.errors import SlipstickError
from slipstick.estimate.latency import pipeline
from slipstick.estimate.network import Resources, resources
from slipstick.fold import (
    Fold,
    Needs,
    PinnedFold,
    Stage,
    StageNodes,
    branch_needs,
    carrier,
    decide,
    engine_cycles,
    entering_layout,
    entering_names,
    even_sizes,
    first_lanes,
    input_depths,
    plan_with,
    possible_folds,
    regroup_cycles,
    stage_shape,
    stages_of,
    steps_of,
)
from slipstick.graph import Graph
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker
from slipstick.rtl_templates.regroup import Regroup
from slipstick.rtl_templates.weight_rom import LUT_DEPTH, RomStyle, rom_style
from slipstick.streams import Layout

MOST_WASTE = 4
"""Lanes of a layer, as a multiple of the fewest that meet the interval, up to which folds are
offered; layers of so few lanes that this is nothing may have `FEW_LANES`."""
FEW_LANES = 32
MOST_HARDWIRED = 5
"""The same of layers whose weights never change: a lane of theirs is much cheaper."""
SPLITS = 3
"""Folds of as many cycles that are offered where latency counts, those of the fewest lanes and
outputs: they differ in how many lanes are outputs and how many are inputs."""
FEWEST_ROWS, MOST_ROWS = 33, 512
"""Rows of weights that LUTs and block RAM are both offered for; fewer hardly take LUTs."""
LEAST_LUTS_OF_LANE = 8
"""LUTs a lane with which a fold must fit, to be offered where latency counts."""


@dataclass(frozen=True)
class Candidate:
    """One way to build a stage and what leads to it.

    Attributes
    ----------
    stage : as it is decided.
    behind : cycles from its last step to the stage behind it.
    cycles : of a frame, those of its regroupings included.
    luts, bram18 : LUTs of any use, and halves of block RAMs.
    """

    stage: Stage
    behind: int
    cycles: int
    luts: int
    bram18: int

    @property
    def fold(self) -> Fold | None:
        """Of an engine, else None."""
        return self.stage.fold

    @property
    def output(self) -> Layout:
        """How the stage's output passes."""
        return self.stage.output_layout


class StageTable:
    """The candidates of one stage.

    Parameters
    ----------
    graph, stage : the stage, and the graph it is part of.
    pinned : what the user decided.
    readers : stages that read its output.

    Attributes
    ----------
    needs : of `branch_needs`, for its inputs; set once all tables are known.
    takes_input : whether it decides how the network's input passes, so that it must take the
        input as it does; set likewise.
    """

    def __init__(
        self,
        graph: Graph,
        stage: StageNodes,
        pinned: PinnedFold,
        readers: int,
    ) -> None:
        self.nodes = stage
        self._graph, self._readers = graph, readers
        self.needs: Sequence[Needs] = ()
        self.takes_input = False
        self.shape = stage_shape(stage, graph.tensors)
        self._source = graph.tensors[stage.inputs[0]]
        self._width = graph.tensors[stage.output].width
        self._folds = possible_folds(self.shape, pinned, even_sizes) if self.shape else []
        self._own = cache(self._cost_of_stage)
        self._offered = lru_cache(maxsize=4096)(self._candidates)
        self._all = lru_cache(maxsize=4096)(self._quick)

    @cached_property
    def cycles(self) -> Mapping[Fold, int]:
        """Cycles of each fold, its regrouping left out."""
        if self.shape is None:
            return {}
        return {fold: engine_cycles(self.shape, fold, self._source) for fold in self._folds}

    def candidates(self, sources: tuple[Layout, ...], interval: int) -> tuple[Candidate, ...]:
        """Those of at most ``interval`` cycles that no other of the same output beats.

        Raises `SlipstickError` where no fold goes together with the order of the channels.
        """
        return self._offered(sources, interval)

    def quick_candidates(
        self, sources: tuple[Layout, ...], intervals: tuple[int, int], luts: int
    ) -> tuple[Candidate, ...]:
        """Those of at most ``intervals[1]`` cycles that might do with ``luts``, quick or slow.

        FIFOs are those of a circuit of ``intervals[0]`` cycles a frame: none is deeper.
        Raises `SlipstickError` where no fold goes together with the order of the channels.
        """
        return self._all(sources, intervals, luts)

    def _candidates(self, sources: tuple[Layout, ...], interval: int) -> tuple[Candidate, ...]:
        folds = self._within(interval) if self.shape else [None]
        found = self._built(folds, sources, (interval, interval))
        return tuple(_best_of_each_output(found))

    def _quick(
        self, sources: tuple[Layout, ...], intervals: tuple[int, int], luts: int
    ) -> tuple[Candidate, ...]:
        folds = self._splits(intervals[1], luts) if self.shape else [None]
        return tuple(self._built(folds, sources, intervals))

    def _built(
        self,
        folds: Sequence[Fold | None],
        sources: tuple[Layout, ...],
        intervals: tuple[int, int],
    ) -> list[Candidate]:
        shortest, longest = intervals
        if self.takes_input:
            folds = [fold for fold in folds if self._takes(fold, sources[0])]
        found: list[Candidate] = []
        refused: list[SlipstickError] = []
        for fold in folds:
            try:
                stage = decide(self._graph, self.nodes, fold, sources)
            except SlipstickError as error:
                refused.append(error)
                continue
            cycles = self._cycles(stage, sources)
            if cycles <= longest:
                found += [
                    self._priced(each, sources, cycles, shortest) for each in self._roms(stage)
                ]
        if refused and len(refused) == len(folds):
            raise refused[0]
        return found

    def _takes(self, fold: Fold | None, source: Layout) -> bool:
        assert self.shape is not None
        assert fold is not None
        return first_lanes(self.shape, fold) == source.lanes

    def _within(self, interval: int) -> list[Fold]:
        """For each number of outputs and inputs the fewest taps that meet the interval.

        And the fewest whose constants are in LUTs: more lanes, but no block RAM. And the layer
        whose weights never change.
        """
        assert self.shape is not None
        chosen: dict[tuple[int, int, bool], Fold] = {}
        hardwired: list[Fold] = []
        for fold, cycles in self.cycles.items():
            if cycles > interval:
                continue
            steps = steps_of(self.shape, fold)
            if steps == 1 and self.shape.terms:
                hardwired.append(fold)
            for in_luts in {False, steps <= LUT_DEPTH}:
                key = fold.outputs, fold.inputs, in_luts
                if key not in chosen or chosen[key].taps > fold.taps:
                    chosen[key] = fold
        folds = list(dict.fromkeys([*chosen.values(), *hardwired]))
        fewest = min((fold.lanes for fold in folds), default=0)
        wastes = (MOST_HARDWIRED if fold in hardwired else MOST_WASTE for fold in folds)
        return [
            fold
            for fold, waste in zip(folds, wastes, strict=True)
            if fold.lanes <= max(waste * fewest, FEW_LANES)
        ]

    def _splits(self, interval: int, luts: int) -> list[Fold]:
        """For each number of cycles some folds of the fewest lanes."""
        chosen: dict[int, int] = {}
        folds: list[Fold] = []
        for fold in sorted(self.cycles, key=_size):
            cycles = self.cycles[fold]
            fits = cycles <= interval and fold.lanes * LEAST_LUTS_OF_LANE <= luts
            if fits and chosen.get(cycles, 0) < SPLITS:
                chosen[cycles] = chosen.get(cycles, 0) + 1
                folds.append(fold)
        return folds

    def _roms(self, stage: Stage) -> list[Stage]:
        """``stage`` with what its weights' depth asks for, and the other choice if it is one."""
        if stage.fold is None or stage.fold.rom or not (self.shape and self.shape.terms):
            return [stage]
        rows = steps_of(self.shape, stage.fold)
        if not FEWEST_ROWS <= rows <= MOST_ROWS:
            return [stage]
        other: RomStyle = "block" if rom_style(rows) == "lut" else "lut"
        return [stage, replace(stage, fold=replace(stage.fold, rom=other))]

    def _cycles(self, stage: Stage, sources: tuple[Layout, ...]) -> int:
        shape = self._graph.tensors[self.nodes.output].shape
        regrouped = (
            regroup_cycles(self._graph, tensor, given, taken)
            for tensor, given, taken in self._edges(stage, sources)
        )
        return max(stage.cycles, stage.output_layout.frame_beats(shape), *regrouped)

    def _edges(
        self, stage: Stage, sources: tuple[Layout, ...]
    ) -> Iterable[tuple[str, Layout, Layout]]:
        return zip(self.nodes.inputs, sources, stage.input_layouts, strict=True)

    def _priced(
        self, stage: Stage, sources: tuple[Layout, ...], cycles: int, interval: int
    ) -> Candidate:
        cost, behind = self._own(stage.fold, stage.input_layouts)
        layouts = stage.input_layouts
        depths = input_depths(self._graph, self.nodes.node, layouts, self.needs, interval)
        for (tensor, given, taken), depth in zip(self._edges(stage, sources), depths, strict=True):
            width = self._graph.tensors[tensor].width
            if given != taken:
                cost += _regroup(given, taken, width)
            if depth:
                cost += _fifo(taken.lanes * width, depth)
        if self._readers > 1:
            cost += resources(Fork(stage.output_layout.lanes * self._width, self._readers))
        return Candidate(stage, behind, cycles, cost.all_luts, round(2 * cost.bram36))

    def _cost_of_stage(self, fold: Fold | None, taken: tuple[Layout, ...]) -> tuple[Resources, int]:
        """What the stage takes, and its pipeline's cycles."""
        part = component(self.nodes.node, decide(self._graph, self.nodes, fold, taken), self._graph)
        return resources(part), pipeline(part)


def _best_of_each_output(found: list[Candidate]) -> list[Candidate]:
    """Those that no other with the same output beats in LUTs and in block RAMs."""
    kept: list[Candidate] = []
    # Costs first: ties are broken by what the table has first.
    for one in sorted(found, key=lambda c: (c.luts, c.bram18, c.cycles)):
        better = (c for c in kept if c.output == one.output and c.bram18 <= one.bram18)
        if next(better, None) is None:
            kept.append(one)
    return kept


@cache
def _regroup(given: Layout, taken: Layout, width: int) -> Resources:
    return resources(Regroup(given, taken, width))


@cache
def _fifo(bits: int, depth: int) -> Resources:
    return resources(Fifo(bits, depth))


class Tables:
    """The candidates of all stages, and how the network's input can pass.

    Parameters
    ----------
    graph : the network.
    pinned : what the user decided, by layer name.
    """

    def __init__(self, graph: Graph, pinned: Mapping[str, PinnedFold]) -> None:
        self.graph = graph
        stages = stages_of(graph)
        readers = _readers(graph, stages)
        self.stages = tuple(
            StageTable(
                graph,
                stage,
                pinned.get(stage.node.name, PinnedFold()),
                readers[carrier(graph, stage.output)],
            )
            for stage in stages
        )
        self.input_readers = readers[graph.input.name]
        slowest = {t.nodes.instance: min(t.cycles, key=_size) for t in self.stages if t.cycles}
        needs = branch_needs(graph, plan_with(graph, slowest).stages)
        for table in self.stages:
            table.needs = needs[table.nodes.instance]
            table.takes_input = table is self.first

    @cached_property
    def first(self) -> StageTable | None:
        """The engine that decides how the input passes."""
        names = entering_names(self.graph)
        return next((t for t in self.stages if t.shape and names & {*t.nodes.inputs}), None)

    def input_layouts(self) -> list[Layout]:
        """How the network's input can pass."""
        if self.first is None:
            return [entering_layout(self.graph, None)]
        assert self.first.shape is not None
        lanes = {first_lanes(self.first.shape, fold) for fold in self.first.cycles}
        return [entering_layout(self.graph, count) for count in sorted(lanes)]

    def of_input(self, layout: Layout) -> Resources:
        """What the network's input takes, and the end of its output."""
        tensor = self.graph.tensors[self.graph.input.name]
        bits = layout.lanes * tensor.width
        cost = resources(FrameGuard(bits, layout.frame_beats(tensor.shape)))
        if self.input_readers > 1:
            cost += resources(Fork(bits, self.input_readers))
        return cost

    def of_output(self, layout: Layout) -> Resources:
        """What marks the end of the result's frames."""
        tensor = self.graph.tensors[self.graph.output]
        beats = layout.frame_beats(tensor.shape)
        return resources(FrameMarker(layout.lanes * tensor.width, beats))


def _readers(graph: Graph, stages: Sequence[StageNodes]) -> dict[str, int]:
    counts = {graph.input.name: 0, **{stage.output: 0 for stage in stages}}
    for stage in stages:
        for tensor in stage.inputs:
            counts[carrier(graph, tensor)] += 1
    counts[carrier(graph, graph.output)] += 1
    return counts


def _size(fold: Fold) -> tuple[int, int]:
    return fold.lanes, fold.outputs
