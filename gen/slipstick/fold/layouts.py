"""Layouts of the stages that have no window."""

from collections.abc import Mapping, Sequence
from functools import singledispatch

from slipstick.errors import SlipstickError
from slipstick.fold.engine_fold import chunked
from slipstick.graph import Add, Affine, Argmax, Concat, Gate, Node, Tensor
from slipstick.streams import PAD, Layout


@singledispatch
def passing_layouts(
    node: Node, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    """How a stage of ``node`` takes its inputs, and how its output passes."""
    raise TypeError(f"Node must be a kind that has a stage, not {type(node).__name__}")


@passing_layouts.register
def _(
    node: Affine, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    return (sources[0],), sources[0]


@passing_layouts.register
def _(
    node: Add, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    if sources[0].order != sources[1].order:
        raise SlipstickError(
            f"Layer '{node.name}'",
            "adds two tensors whose channels pass in different orders",
            "add before flattening, or flatten both inputs",
        )
    # The wider beat of the two: its stream has the fewest beats.
    chosen = min(sources, key=lambda layout: len(layout.beats))
    return (chosen, chosen), chosen


@passing_layouts.register
def _(
    node: Concat, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    lanes = max(layout.lanes for layout in sources)
    taken = tuple(chunked(layout, lanes) for layout in sources)
    beats: list[tuple[int, ...]] = []
    first = 0
    for name, layout in zip(node.inputs, taken, strict=True):
        beats += [tuple(PAD if c == PAD else c + first for c in beat) for beat in layout.beats]
        first += tensors[name].shape[0]
    return taken, Layout(tuple(beats))


@passing_layouts.register
def _(
    node: Gate, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    image, logits = sources
    if image.order != logits.order:
        raise SlipstickError(
            f"Layer '{node.name}'",
            "its logits pass in another order than the channels they gate",
            "take the logits from a linear layer",
        )
    # The logits come once a frame: to regroup them costs nothing.
    return (image, image), image


@passing_layouts.register
def _(
    node: Argmax, sources: Sequence[Layout], tensors: Mapping[str, Tensor]
) -> tuple[tuple[Layout, ...], Layout]:
    return (sources[0],), Layout(((0,),))
