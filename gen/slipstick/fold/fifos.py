"""Depths of the FIFOs where branches meet, from what each branch must have read.

A branch that is ahead of the other at a meeting point must hold its beats until the other one
catches up. Counted in rows of the network's input, that is what the slower branch still has
to read, so the depth follows from the layers' windows alone; with it no branch can block the
fork it hangs on, and the network cannot deadlock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipstick.graph import Concat, Graph, Node, Tensor
from slipstick.rtl_templates.window_walk import WindowWalk
from slipstick.streams import Layout

if TYPE_CHECKING:
    from slipstick.fold.plan import Stage

MINIMUM = 2
"""Beats of any FIFO: one on its way in, one on its way out."""
ENGINE_LATENCY = 40
"""Cycles from an engine's last word to its result, at most, for all but enormous trees."""


def fifo_depths(
    graph: Graph, stages: "Sequence[Stage]", interval: int
) -> dict[str, tuple[int, ...]]:
    """Beats of the FIFO before each input of each stage, by instance; 0 where none is needed.

    ``interval`` is the cycles of a frame; it says how many beats pass during a latency.
    """
    needs = {graph.input.name: _Needs(range(1, graph.tensors[graph.input.name].shape[1] + 1), 1)}
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
            last = sources[0].rows[-1]
            needs[node.name] = _Needs([last], last) if flat else sources[0]
            continue
        if stage.walk is not None:
            needs[node.name] = _behind_window(stage.walk, sources[0])
            lags[node.name] += 1
        else:
            rows = [max(each) for each in zip(*(s.rows for s in sources), strict=True)]
            needs[node.name] = _Needs(rows, max(s.pace for s in sources))
        lag = [lags[name] for name in node.inputs]
        depths[stage.nodes.instance] = tuple(
            max(
                _least(node, layout),
                _depth(graph.tensors[name], layout, sources, index, lag, interval),
            )
            for index, (name, layout) in enumerate(
                zip(node.inputs, stage.input_layouts, strict=True)
            )
        )
    return depths


@dataclass(frozen=True)
class _Needs:
    """Input rows that each row of a tensor needs.

    Rows below the image, which padding stands for, count as if the image went on at ``pace``
    input rows a row: the layers take as long for them.
    """

    rows: Sequence[int]
    pace: int

    def of(self, row: int) -> int:
        """What row number ``row`` needs, beyond the ends of the tensor too."""
        if row < 0:
            return self.rows[0]
        beyond = max(0, row - len(self.rows) + 1)
        return self.rows[row - beyond] + beyond * self.pace


def _behind_window(walk: WindowWalk, source: _Needs) -> _Needs:
    """What each output row of an engine needs."""
    height, _ = walk.output_size
    span = (walk.kernel[0] - 1) * walk.dilation[0]
    bottoms = [row * walk.stride[0] - walk.padding[0] + span for row in range(height)]
    rows = [source.of(bottom) for bottom in bottoms]
    # The last output row starts when all rows have come, read or not.
    rows[-1] = max(rows[-1], source.of(walk.height - 1))
    return _Needs(rows, source.pace * walk.stride[0])


def _least(node: Node, layout: Layout) -> int:
    """Beats of the FIFO before an input, whatever the other branches need."""
    if len(node.inputs) == 1:
        return 0
    # While a concatenation takes the others, a branch makes its next pixel: it may be slower
    # than a beat a cycle where its lanes are regrouped.
    return len(layout.beats) + 1 if isinstance(node, Concat) else MINIMUM


def _depth(
    tensor: Tensor,
    layout: Layout,
    sources: list[_Needs],
    index: int,
    lags: list[int],
    interval: int,
) -> int:
    if len(sources) == 1:
        return 0
    own = sources[index].rows
    others = [needs.rows for branch, needs in enumerate(sources) if branch != index]
    waiting = 0
    for row, need in enumerate(own):
        needed = max(rows[row] for rows in others)
        if needed >= need:
            produced = sum(1 for earlier in own if earlier <= needed)
            waiting = max(waiting, produced - row)
    # Each engine more on the other branch takes about a row's time before its row is out, and
    # its pipeline's latency.
    behind = max(lags) - lags[index]
    row_beats = tensor.shape[2] * len(layout.beats)
    passing = -(-behind * ENGINE_LATENCY * row_beats * len(own) // interval)
    return (waiting + behind) * row_beats + passing
