"""The plan of a circuit: folds, layouts, cycles and FIFOs of every stage."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from slipstick.fold.balance import FoldChoices, balance
from slipstick.fold.engine_fold import (
    Fold,
    input_beats,
    input_layout,
    output_layout,
    stage_shape,
    walk_of,
    words_of,
)
from slipstick.fold.entrance import entering_layout, entering_names, first_lanes
from slipstick.fold.fifos import fifo_depths
from slipstick.fold.flow import check_flow
from slipstick.fold.layouts import passing_layouts
from slipstick.fold.stages import StageNodes, stages_of
from slipstick.graph import Flatten, Graph
from slipstick.rtl_templates.window_walk import WindowWalk
from slipstick.streams import Layout, cycles_between


@dataclass(frozen=True)
class Stage:
    """One stage of the circuit, decided.

    Attributes
    ----------
    nodes : what it computes, and its name in hardware.
    fold, walk, words : of an engine, else None; ``words`` are those that its lanes read.
    input_layouts : how it takes each of its inputs.
    output_layout : how its output passes.
    cycles : initiation interval of a frame.
    fifos : beats of the FIFO before each input, in its layout; 0 for none.
    """

    nodes: StageNodes
    fold: Fold | None
    walk: WindowWalk | None
    words: Layout | None
    input_layouts: tuple[Layout, ...]
    output_layout: Layout
    cycles: int
    fifos: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What `slipstick.elaborate` builds.

    Attributes
    ----------
    stages : in the graph's order.
    layouts : how each tensor passes, the input and flattens included.
    cycles : initiation interval of a frame: that of the slowest stage or stream.
    """

    stages: tuple[Stage, ...]
    layouts: Mapping[str, Layout]
    cycles: int


def plan(graph: Graph, choices: FoldChoices) -> Plan:
    """Decides the circuit of ``graph``.

    Raises `SlipstickError` for a fold the engine cannot do.
    """
    return plan_with(graph, balance(graph, stages_of(graph), choices))


def plan_with(graph: Graph, folds: Mapping[str, Fold]) -> Plan:
    """The circuit of ``graph`` whose engines have ``folds``, by instance."""
    stages = stages_of(graph)
    layouts: dict[str, Layout] = {}
    lanes = _first_lanes(graph, stages, folds)
    layouts[graph.input.name] = entering_layout(graph, lanes)
    decided: dict[str, Stage] = {}
    by_node = {stage.node.name: stage for stage in stages}
    for node in graph.nodes[1:]:
        if isinstance(node, Flatten):
            source = node.inputs[0]
            layouts[node.name] = layouts[source].flattened(graph.tensors[source].shape)
        elif node.name in by_node:
            nodes = by_node[node.name]
            sources = tuple(layouts[name] for name in nodes.inputs)
            stage = decide(graph, nodes, folds.get(nodes.instance), sources)
            layouts[stage.nodes.output] = stage.output_layout
            decided[node.name] = stage
    interval = _interval(graph, [*decided.values()], layouts)
    depths = fifo_depths(graph, [*decided.values()], interval)
    finished = tuple(
        dataclasses.replace(stage, fifos=depths[stage.nodes.instance]) for stage in decided.values()
    )
    check_flow(graph, finished, layouts)
    return Plan(finished, layouts, interval)


def _first_lanes(
    graph: Graph, stages: tuple[StageNodes, ...], folds: Mapping[str, Fold]
) -> int | None:
    """Channels a beat at the input: what its first engine takes, None without one."""
    names = entering_names(graph)
    for stage in stages:
        fold = folds.get(stage.instance)
        if names & {*stage.inputs} and fold:
            shape = stage_shape(stage, graph.tensors)
            assert shape is not None
            return first_lanes(shape, fold)
    return None


def decide(
    graph: Graph, stage: StageNodes, fold: Fold | None, sources: tuple[Layout, ...]
) -> Stage:
    """``stage`` with ``fold``, whose inputs pass as ``sources``; FIFOs are not decided yet.

    Raises `SlipstickError` where the fold and the order of the channels do not go together.
    """
    tensor = graph.tensors[stage.inputs[0]]
    shape = stage_shape(stage, graph.tensors)
    if shape is None:
        inputs, output = passing_layouts(stage.node, sources, graph.tensors)
        pixels = tensor.shape[1] * tensor.shape[2]
        beats = max(len(output.beats), *(len(layout.beats) for layout in inputs))
        return Stage(stage, None, None, None, inputs, output, pixels * beats, ())
    assert fold is not None
    taken = input_layout(shape, fold, sources[0])
    words = words_of(shape, fold, taken)
    output = output_layout(shape, fold, words)
    walk = walk_of(shape, fold, tensor, taken, words, output)
    cycles = max(walk.cycles, input_beats(shape, fold, tensor))
    return Stage(stage, fold, walk, words, (taken,), output, cycles, ())


def _interval(graph: Graph, stages: list[Stage], layouts: Mapping[str, Layout]) -> int:
    """Cycles of the slowest stage, stream or regrouping."""
    cycles = [stage.cycles for stage in stages]
    for name, layout in layouts.items():
        cycles.append(layout.frame_beats(graph.tensors[name].shape))
    for stage in stages:
        for name, layout in zip(stage.nodes.inputs, stage.input_layouts, strict=True):
            cycles.append(regroup_cycles(graph, name, layouts[name], layout))
    return max(cycles)


def regroup_cycles(graph: Graph, tensor: str, given: Layout, taken: Layout) -> int:
    """Cycles of a frame of ``tensor`` from one layout to another."""
    _, height, width = graph.tensors[tensor].shape
    return height * width * cycles_between(given, taken)
