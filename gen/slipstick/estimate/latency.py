"""Cycles from a frame's first beat in to its last beat out, in a circuit that is empty.

A row of a stage is made when the rows that it needs have come and the row before it is made, and
passes on behind the registers of the stage's pipeline. Beats within a row are not looked at.

Times are the cycle by which each row of a tensor has passed, integers ``(..., rows)``: those of
many circuits are found side by side.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
from amaranth.lib import wiring

from slipstick.fold import Plan, Stage, regroup_cycles
from slipstick.graph import Flatten, Gate, Graph
from slipstick.rtl_templates.engine import Engine
from slipstick.streams import Layout, common_run

FIFO_LATENCY = 3
"""Cycles through the FIFO at an engine's end, and into the next stage."""
PASSING_LATENCY = 2
"""Cycles through a stage without a window."""


def latency(graph: Graph, plan: Plan, parts: Mapping[str, wiring.Component]) -> int:
    """Cycles until a frame's result is out; ``parts`` are the stages' components."""
    name = graph.input.name
    times = {name: entering_times(graph, plan.layouts[name])}
    stages = {stage.nodes.node.name: stage for stage in plan.stages}
    for node in graph.nodes[1:]:
        if isinstance(node, Flatten):
            times[node.name] = times[node.inputs[0]][..., -1:]
        elif node.name in stages:
            stage = stages[node.name]
            times[stage.nodes.output] = stage_times(
                graph,
                stage,
                pipeline(parts[stage.nodes.instance]),
                [plan.layouts[tensor] for tensor in stage.nodes.inputs],
                [times[tensor] for tensor in stage.nodes.inputs],
            )
    return int(times[graph.output][-1])


def entering_times(graph: Graph, layout: Layout) -> np.ndarray:
    """Times of the network's input, a beat a cycle."""
    shape = graph.tensors[graph.input.name].shape
    rows = min(shape[1], layout.pixels(shape))
    return (np.arange(rows) + 1) * (layout.frame_beats(shape) // rows)


def pipeline(part: wiring.Component) -> int:
    """Cycles from a beat's last step in the stage ``part`` to the stage behind it."""
    return part.latency + FIFO_LATENCY if isinstance(part, Engine) else PASSING_LATENCY


def stage_times(
    graph: Graph,
    stage: Stage,
    behind: int,
    given: Sequence[Layout],
    times: Sequence[np.ndarray],
) -> np.ndarray:
    """Times of a stage's output, for inputs that come in layouts ``given`` at ``times``."""
    sources = [
        _regrouped(graph, tensor, layout, taken, arrived)
        for tensor, layout, taken, arrived in zip(
            stage.nodes.inputs, given, stage.input_layouts, times, strict=True
        )
    ]
    return _made(stage, sources) + behind


def _regrouped(
    graph: Graph, tensor: str, given: Layout, taken: Layout, times: np.ndarray
) -> np.ndarray:
    if given == taken:
        return times
    paced = _paced(times, regroup_cycles(graph, tensor, given, taken) // times.shape[-1])
    # The last beat of a row still has to be cut.
    pieces = len(given.runs(common_run(given, taken))[-1])
    return np.maximum(paced, times + pieces - 1)


def _paced(times: np.ndarray, line: int) -> np.ndarray:
    """``times``, but no row less than ``line`` cycles behind the one before it."""
    start = np.arange(times.shape[-1]) * line
    paced: np.ndarray = np.maximum.accumulate(times - start, axis=-1) + start
    return paced


def _made(stage: Stage, sources: Sequence[np.ndarray]) -> np.ndarray:
    if isinstance(stage.nodes.node, Gate):
        image, logits = sources
        return np.maximum(image, logits[..., -1:])
    if stage.walk is None:
        ready: np.ndarray = np.maximum.reduce(sources)
        return _paced(ready, stage.cycles // ready.shape[-1])
    walk = stage.walk
    line = walk.cycles // walk.output_size[0]
    gone = [0, *accumulate(released for _, released in walk.row_program)]
    needed = [before + need - 1 for (need, _), before in zip(walk.row_program, gone, strict=False)]
    return _paced(sources[0][..., needed], line) + line
