"""Cycles from a frame's first beat in to its last beat out, in a circuit that is empty.

A row of a stage is made when the rows that it needs have come and the row before it is made, and
passes on behind the registers of the stage's pipeline. Beats within a row are not looked at.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from amaranth.lib import wiring

from slipstick.fold import Plan, Stage, regroup_cycles
from slipstick.graph import Flatten, Gate, Graph
from slipstick.rtl_templates.engine import Engine
from slipstick.streams import Layout

FIFO_LATENCY = 3
"""Cycles through the FIFO at an engine's end, and into the next stage."""
PASSING_LATENCY = 2
"""Cycles through a stage without a window."""

Times = Sequence[int]
"""The cycle by which each row of a tensor has passed."""


def latency(graph: Graph, plan: Plan, parts: Mapping[str, wiring.Component]) -> int:
    """Cycles until a frame's result is out; ``parts`` are the stages' components."""
    name = graph.input.name
    shape = graph.tensors[name].shape
    rows = min(shape[1], plan.layouts[name].pixels(shape))
    line = plan.layouts[name].frame_beats(shape) // rows
    times: dict[str, Times] = {name: [line * (row + 1) for row in range(rows)]}
    stages = {stage.nodes.node.name: stage for stage in plan.stages}
    for node in graph.nodes[1:]:
        if isinstance(node, Flatten):
            times[node.name] = times[node.inputs[0]][-1:]
        elif node.name in stages:
            stage = stages[node.name]
            sources = [
                _regrouped(graph, tensor, plan.layouts[tensor], taken, times[tensor])
                for tensor, taken in zip(stage.nodes.inputs, stage.input_layouts, strict=True)
            ]
            times[stage.nodes.output] = _made(stage, sources, parts[stage.nodes.instance])
    return times[graph.output][-1]


def _regrouped(graph: Graph, tensor: str, given: Layout, taken: Layout, times: Times) -> Times:
    """When the rows have come through the regrouping."""
    line = regroup_cycles(graph, tensor, given, taken) // len(times)
    passed: list[int] = []
    for time in times:
        passed.append(max(time, passed[-1] + line) if passed else time)
    return passed


def _made(stage: Stage, sources: Sequence[Times], part: wiring.Component) -> Times:
    if isinstance(stage.nodes.node, Gate):
        image, logits = sources
        return [max(time, logits[-1]) + PASSING_LATENCY for time in image]
    if stage.walk is None:
        return [max(row) + PASSING_LATENCY for row in zip(*sources, strict=True)]
    walk = stage.walk
    line = walk.cycles // walk.output_size[0]
    gone = [0, *accumulate(released for _, released in walk.row_program)]
    made: list[int] = []
    for (present, _), before in zip(walk.row_program, gone, strict=False):
        needed = sources[0][before + present - 1]
        made.append(max(needed, made[-1] if made else 0) + line)
    behind = part.latency if isinstance(part, Engine) else 0
    return [time + behind + FIFO_LATENCY for time in made]
