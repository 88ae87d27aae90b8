"""Depths of the FIFOs where branches meet, from what each branch must have read.

A branch that is ahead of the other at a meeting point must hold its beats until the other one
catches up. Counted in rows of the network's input, that is what the slower branch still has
to read, so the depth follows from the layers' windows alone; with it no branch can block the
fork it hangs on, and the network cannot deadlock.

A gate's logits come when all of a frame has been read, so the image's branch must hold a whole
frame, and what comes of the next one while the logits are computed. It cannot deadlock either:

- The frame fits the FIFO, so that each fork before the two branches can hand out all its rows;
  the logits wait for nothing else, unless both banks of the gate's table are full.
- Then the gate knows the shifts of the frame that passes, whose rows have gone through every
  fork before those of the logits that wait: it will pass whole, and free its bank.

Interval: a gate passes a beat a cycle and stores the next frame's shifts meanwhile, so that it
costs no cycles where the FIFO holds the frame's time plus that of the logits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slipstick.graph import Concat, Gate, Graph, Node, Tensor
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
    needs = branch_needs(graph, stages)
    return {
        stage.nodes.instance: input_depths(
            graph, stage.nodes.node, stage.input_layouts, needs[stage.nodes.instance], interval
        )
        for stage in stages
    }


def input_depths(
    graph: Graph,
    node: Node,
    layouts: Sequence[Layout],
    needs: "Sequence[Needs]",
    interval: int,
) -> tuple[int, ...]:
    """Beats of the FIFO before each input of a stage of ``node``, taken in ``layouts``."""
    return tuple(
        max(_least(node, layout), _depth(graph.tensors[name], layout, needs, index, interval))
        for index, (name, layout) in enumerate(zip(node.inputs, layouts, strict=True))
    )


def branch_needs(graph: Graph, stages: "Sequence[Stage]") -> "dict[str, list[Needs]]":
    """When the rows of each input of each stage come, by instance.

    That follows from windows, not from folds, but for the time of engines that make one row.
    """
    height = graph.tensors[graph.input.name].shape[1]
    needs = {graph.input.name: Needs(range(1, height + 1), 1, height)}
    inputs: dict[str, list[Needs]] = {}
    pending = {stage.nodes.node.name: stage for stage in stages}
    for node in graph.nodes[1:]:
        sources = [needs[name] for name in node.inputs]
        stage = pending.get(node.name)
        if stage is None:
            # A flatten waits for the whole image; a fused affine follows its node.
            flat = graph.tensors[node.name].shape[1] != graph.tensors[node.inputs[0]].shape[1]
            last = sources[0].rows[-1]
            needs[node.name] = replace(sources[0], rows=[last], pace=last) if flat else sources[0]
            continue
        if isinstance(node, Gate):
            sources[1] = _spread(sources[1], sources[0], stage.input_layouts[1])
        needs[node.name] = _behind(stage, sources)
        inputs[stage.nodes.instance] = sources
    return inputs


@dataclass(frozen=True)
class Needs:
    """When the rows of a tensor come.

    Attributes
    ----------
    rows : input rows that each row needs. Rows below the image, which padding stands for, count
        as if the image went on at ``pace`` input rows a row: the layers take as long for them.
    pace : input rows from one row to the next.
    frame : input rows of a frame.
    engines : engines on the way; each takes about a row's time, and its pipeline's latency.
    cycles : time of the engines that make one row of a frame: it is their own, not a row's.
    gates : gates on the way; behind each, a frame ends while the input reads the next one.
    """

    rows: Sequence[int]
    pace: int
    frame: int
    engines: int = 0
    cycles: int = 0
    gates: int = 0

    def of(self, row: int) -> int:
        """What row number ``row`` needs, beyond the ends of the tensor too."""
        if row < 0:
            return self.rows[0]
        beyond = max(0, row - len(self.rows) + 1)
        return self.rows[row - beyond] + beyond * self.pace

    def made_of(self, read: int, frames: int) -> int:
        """Rows made when ``read`` input rows have been read, of this and ``frames`` more."""
        return sum(
            min((read - need) // self.frame, frames) + 1 for need in self.rows if need <= read
        )


def _behind(stage: "Stage", sources: list[Needs]) -> Needs:
    """The output of a stage that reads ``sources``."""
    if stage.walk is not None:
        return _behind_window(stage, sources[0])
    rows = [max(each) for each in zip(*(source.rows for source in sources), strict=True)]
    joined = Needs(
        rows,
        max(source.pace for source in sources),
        sources[0].frame,
        max(source.engines for source in sources),
        max(source.cycles for source in sources),
        max(source.gates for source in sources),
    )
    if not isinstance(stage.nodes.node, Gate):
        return joined
    # The first row waits for the logits, and each further one for the row before it.
    image = sources[0]
    rows = [max(need, rows[0] + row * image.pace) for row, need in enumerate(rows)]
    return replace(
        joined, rows=rows, pace=image.pace, engines=joined.engines + 1, gates=joined.gates + 1
    )


def _behind_window(stage: "Stage", source: Needs) -> Needs:
    """The output of an engine."""
    walk = stage.walk
    assert walk is not None
    height, _ = walk.output_size
    span = (walk.kernel[0] - 1) * walk.dilation[0]
    bottoms = [row * walk.stride[0] - walk.padding[0] + span for row in range(height)]
    rows = [source.of(bottom) for bottom in bottoms]
    # The last output row starts when all rows have come, read or not.
    rows[-1] = max(rows[-1], source.of(walk.height - 1))
    behind = replace(source, rows=rows, pace=source.pace * walk.stride[0])
    if height == 1:
        return replace(behind, cycles=source.cycles + stage.cycles + ENGINE_LATENCY)
    return replace(behind, engines=source.engines + 1)


def _spread(logits: Needs, image: Needs, layout: Layout) -> Needs:
    """A frame's logits as every row of the image meets them: all of them, and stored."""
    rows = [logits.rows[-1]] * len(image.rows)
    return replace(logits, rows=rows, cycles=logits.cycles + len(layout.beats))


def _least(node: Node, layout: Layout) -> int:
    """Beats of the FIFO before an input, whatever the other branches need."""
    if len(node.inputs) == 1:
        return 0
    # While a concatenation takes the others, a branch makes its next pixel: it may be slower
    # than a beat a cycle where its lanes are regrouped.
    return len(layout.beats) + 1 if isinstance(node, Concat) else MINIMUM


def _depth(
    tensor: Tensor, layout: Layout, sources: Sequence[Needs], index: int, interval: int
) -> int:
    if len(sources) == 1:
        return 0
    own = sources[index]
    others = [needs.rows for branch, needs in enumerate(sources) if branch != index]
    gates = max(source.gates for source in sources) - own.gates
    waiting = 0
    for row, need in enumerate(own.rows):
        needed = max(rows[row] for rows in others)
        if needed >= need:
            waiting = max(waiting, own.made_of(needed, gates) - row)
    _, height, width = tensor.shape
    frame_beats = height * width * len(layout.beats)
    engines = max(source.engines for source in sources) - own.engines
    cycles = max(source.cycles for source in sources) - own.cycles + engines * ENGINE_LATENCY
    passing = -(-cycles * frame_beats // interval)
    return -(-(waiting + engines) * frame_beats // len(own.rows)) + passing
