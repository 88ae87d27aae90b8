"""Depths of the FIFOs where branches meet, from what each branch must have read.

A branch that is ahead of the other at a meeting point must hold its beats until the other one
catches up. Counted in rows of the network's input, that is what the slower branch still has
to read, so the depth follows from the layers' windows alone; with it no branch can block the
fork it hangs on, and the network cannot deadlock.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipstick.graph import Graph, Tensor
from slipstick.streams import Layout

if TYPE_CHECKING:
    from slipstick.fold.plan import Stage

MINIMUM = 2
"""Beats of any FIFO: one on its way in, one on its way out."""
ENGINE_LATENCY = 40
"""Cycles from an engine's last word to its result, at most, for all but enormous trees."""


def fifo_depths(
    graph: Graph, stages: "Sequence[Stage]", layouts: Mapping[str, Layout], interval: int
) -> dict[str, tuple[int, ...]]:
    """Beats of the FIFO before each input of each stage, by instance; 0 where none is needed.

    ``interval`` is the cycles of a frame; it says how many beats pass during a latency.
    """
    needs = {graph.input.name: list(range(1, graph.tensors[graph.input.name].shape[1] + 1))}
    lags = {graph.input.name: 0}
    depths: dict[str, tuple[int, ...]] = {}
    pending = {stage.nodes.node.name: stage for stage in stages}
    for node in graph.nodes[1:]:
        sources = [needs[name] for name in node.inputs]
        lags[node.name] = max(lags[name] for name in node.inputs)
        stage = pending.get(node.name)
        if stage is None:
            # A flatten waits for the whole image; a fused affine follows its node.
            flat = graph.tensors[node.name].shape[1] != graph.tensors[node.inputs[0]].shape[1]
            needs[node.name] = [sources[0][-1]] if flat else sources[0]
            continue
        if stage.walk is not None:
            needs[node.name] = _behind_window(stage, sources[0])
            lags[node.name] += 1
        else:
            needs[node.name] = [max(rows) for rows in zip(*sources, strict=True)]
        lag = [lags[name] for name in node.inputs]
        depths[stage.nodes.instance] = tuple(
            _depth(graph.tensors[name], layouts[name], sources, index, lag, interval)
            for index, name in enumerate(node.inputs)
        )
    return depths


def _behind_window(stage: "Stage", source: list[int]) -> list[int]:
    """Input rows that each output row of an engine needs."""
    assert stage.walk is not None
    needs, released = [], 0
    for present, release in stage.walk.row_program:
        rows = released + present
        needs.append(source[rows - 1] if rows else source[0])
        released += release
    return needs


def _depth(
    tensor: Tensor,
    layout: Layout,
    sources: list[list[int]],
    index: int,
    lags: list[int],
    interval: int,
) -> int:
    if len(sources) == 1:
        return 0
    own = sources[index]
    waiting = 0
    for row in range(len(own)):
        needed = max(rows[row] for rows in sources)
        produced = sum(1 for need in own if need <= needed)
        waiting = max(waiting, produced - row)
    # Each engine more on the other branch takes about a row's time before its row is out, and
    # its pipeline's latency.
    behind = max(lags) - lags[index]
    row_beats = tensor.shape[2] * len(layout.beats)
    passing = -(-behind * ENGINE_LATENCY * row_beats * len(own) // interval)
    return max(MINIMUM, (waiting + behind) * row_beats + passing)
