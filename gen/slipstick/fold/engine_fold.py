"""The folds an engine can have, and what each means for words, beats and cycles."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import singledispatch

from slipstick.errors import SlipstickError
from slipstick.fold.moves import lane_moves
from slipstick.fold.stages import StageNodes
from slipstick.graph import L1Matmul, Move, Node, Pool, ShiftMatmul, Tensor, Window
from slipstick.rtl_templates.moved_walk import moved_walk
from slipstick.rtl_templates.window_walk import WindowWalk
from slipstick.streams import PAD, Layout


@dataclass(frozen=True)
class Fold:
    """How much of a layer works in one cycle.

    Attributes
    ----------
    outputs : output channels side by side (``P``).
    inputs : input channels side by side, of one group (``S``).
    taps : taps side by side (``Q``): 1, ``kw`` or ``kh*kw``.
    """

    outputs: int
    inputs: int
    taps: int

    @property
    def lanes(self) -> int:
        """Lanes of the array."""
        return self.outputs * self.inputs * self.taps


@dataclass(frozen=True)
class Shape:
    """What a layer with a window is to an engine.

    A pool, and a move that stands alone, is a layer of as many groups as channels.

    Attributes
    ----------
    inputs, outputs : channels that the lanes read, and make.
    stored : channels that the line buffer stores; others than ``inputs`` where ``move`` picks.
    move : where the lanes find their channels, if not in place.
    """

    name: str
    window: Window
    groups: int
    inputs: int
    outputs: int
    terms: int
    stored: int
    move: Move | None = None

    @property
    def group_inputs(self) -> int:
        """Input channels of a group."""
        return self.inputs // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.outputs // self.groups


@singledispatch
def shape_of(node: Node, source: Tensor) -> Shape | None:
    """``node`` as a layer with a window, or None if it has none."""
    return None


@shape_of.register
def _(node: ShiftMatmul, source: Tensor) -> Shape:
    terms, outputs = node.exponent.shape[:2]
    channels = source.shape[0]
    return Shape(node.name, node.window, node.groups, channels, outputs, terms, channels)


@shape_of.register
def _(node: L1Matmul, source: Tensor) -> Shape:
    channels = source.shape[0]
    return Shape(node.name, node.window, node.groups, channels, len(node.weight), 1, channels)


@shape_of.register
def _(node: Pool, source: Tensor) -> Shape:
    channels = source.shape[0]
    return Shape(node.name, node.window, channels, channels, channels, 0, channels)


@shape_of.register
def _(node: Move, source: Tensor) -> Shape:
    channels = len(node.channel)
    return Shape(node.name, Window(), channels, channels, channels, 0, source.shape[0], node)


def stage_shape(stage: StageNodes, tensors: Mapping[str, Tensor]) -> Shape | None:
    """What ``stage`` is to an engine, or None if it has no window."""
    shape = shape_of(stage.node, tensors[stage.node.inputs[0]])
    if shape is None or stage.move is None:
        return shape
    return replace(shape, stored=tensors[stage.inputs[0]].shape[0], move=stage.move)


def check_fold(shape: Shape, fold: Fold) -> None:
    """Raises `SlipstickError` unless an engine of ``shape`` can have ``fold``."""

    def refuse(letter: str, value: int, rule: str) -> SlipstickError:
        return SlipstickError(
            f"Layer '{shape.name}'",
            f"{letter} must be {rule}, not {value}",
            f"set {letter} in its [layer] table accordingly or leave it out",
        )

    taps = WindowWalk.legal_parallel_taps(shape.window.kernel)
    if fold.taps not in taps:
        raise refuse("Q", fold.taps, f"one of {', '.join(map(str, taps))}")
    if not 1 <= fold.inputs <= shape.group_inputs:
        raise refuse("S", fold.inputs, f"between 1 and {shape.group_inputs}")
    if not 1 <= fold.outputs <= shape.outputs:
        raise refuse("P", fold.outputs, f"between 1 and {shape.outputs}")
    if fold.outputs > shape.group_outputs:
        if fold.outputs % shape.group_outputs:
            raise refuse(
                "P",
                fold.outputs,
                f"at most {shape.group_outputs} or a multiple of it, the outputs of a group",
            )
        if fold.inputs != shape.group_inputs:
            raise refuse(
                "S",
                fold.inputs,
                f"{shape.group_inputs}, the inputs of a group, where P spans groups",
            )
    if shape.move is not None and not _reads_in_place(shape, fold):
        letter = "P" if fold.outputs > shape.group_outputs else "S"
        value = fold.outputs if letter == "P" else fold.inputs
        raise refuse(
            letter, value, f"such that '{shape.move.name}' takes each lane's channels from one lane"
        )


def _parallel_groups(shape: Shape, fold: Fold) -> int:
    return max(1, fold.outputs // shape.group_outputs) if shape.groups > 1 else 1


def _reads_in_place(shape: Shape, fold: Fold) -> bool:
    """Whether every lane finds its channels in one stored lane, so that they are addresses."""
    assert shape.move is not None
    words = read_layout(shape, fold)
    try:
        lane_moves(shape.move, words, Layout.natural(shape.stored, words.lanes)).banks  # noqa: B018
    except ValueError:
        return False
    return True


def read_layout(shape: Shape, fold: Fold) -> Layout:
    """The words that the lanes read, where channels are stored in their order."""
    if shape.groups == 1:
        return Layout.natural(shape.inputs, fold.inputs)
    parallel = _parallel_groups(shape, fold)
    if parallel > 1:
        return Layout.natural(shape.inputs, parallel * shape.group_inputs)
    return Layout.natural(shape.inputs, fold.inputs, shape.group_inputs)


def input_layout(shape: Shape, fold: Fold, source: Layout) -> Layout:
    """The layout in which the engine takes the stream that now has layout ``source``."""
    if shape.move is not None:
        if source.order != tuple(range(shape.stored)):
            raise SlipstickError(
                f"Layer '{shape.move.name}'",
                "moves channels that pass in another order than their own",
                "move channels of an image, before it is flattened",
            )
        return chunked(source, read_layout(shape, fold).lanes)
    if shape.groups == 1:
        return chunked(source, fold.inputs)
    parallel = _parallel_groups(shape, fold)
    ordered = source.order == tuple(range(shape.inputs))
    if not ordered and not (parallel > 1 and shape.group_inputs == 1):
        raise SlipstickError(
            f"Layer '{shape.name}'",
            "reads channels in another order than the stream before it carries them",
            "grouped layers must read a convolution, pool or sum, not a flattened image",
        )
    if parallel > 1:
        return chunked(source, parallel * shape.group_inputs)
    return Layout.natural(shape.inputs, fold.inputs, shape.group_inputs)


def chunked(source: Layout, lanes: int) -> Layout:
    """The channels of ``source`` in their order, ``lanes`` a beat."""
    order = source.order
    padded = order + (PAD,) * (-len(order) % lanes)
    return Layout(tuple(padded[start : start + lanes] for start in range(0, len(padded), lanes)))


def output_layout(shape: Shape, fold: Fold, words: Layout) -> Layout:
    """The layout of the engine's output, for input in layout ``words``."""
    if shape.groups == 1:
        return Layout.natural(shape.outputs, fold.outputs)
    if _parallel_groups(shape, fold) == 1:
        return Layout.natural(shape.outputs, fold.outputs, shape.group_outputs)
    return Layout(
        tuple(
            tuple(
                PAD if channel == PAD else channel // shape.group_inputs * shape.group_outputs + k
                for channel in word[:: shape.group_inputs]
                for k in range(shape.group_outputs)
            )
            for word in words.beats
        )
    )


def words_of(shape: Shape, fold: Fold, taken: Layout) -> Layout:
    """The words that the lanes of an engine read, whose input has layout ``taken``."""
    return taken if shape.move is None else read_layout(shape, fold)


def walk_of(
    shape: Shape, fold: Fold, source: Tensor, taken: Layout, words: Layout, outputs: Layout
) -> WindowWalk:
    """The order in which the engine reads its input, stored in layout ``taken``."""
    if shape.groups == 1:
        words_per_beat, beats_per_block = len(words.beats), len(outputs.beats)
    elif _parallel_groups(shape, fold) > 1:
        words_per_beat = beats_per_block = 1
    else:
        words_per_beat = len(words.beats) // shape.groups
        beats_per_block = len(outputs.beats) // shape.groups
    window = shape.window
    if shape.move is not None:
        return moved_walk(
            height=source.shape[1],
            width=source.shape[2],
            words=len(taken.beats),
            stride=window.stride,
            beats=len(outputs.beats),
            words_per_beat=words_per_beat,
            beats_per_block=beats_per_block,
            moves=lane_moves(shape.move, words, taken),
            boundary=shape.move.boundary,
        )
    return WindowWalk(
        height=source.shape[1],
        width=source.shape[2],
        words=len(taken.beats),
        kernel=window.kernel,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        parallel_taps=fold.taps,
        beats=len(outputs.beats),
        words_per_beat=words_per_beat,
        beats_per_block=beats_per_block,
    )


def fold_cycles(shape: Shape, fold: Fold, source: Tensor) -> int:
    """Initiation interval of the engine; the larger of its steps and its input beats."""
    height, width = shape.window.output_size(*source.shape[1:])
    parallel = _parallel_groups(shape, fold)
    blocks = -(-shape.groups // parallel)
    words = blocks * -(-shape.group_inputs // fold.inputs)
    if shape.move is not None:
        words = -(-shape.stored // read_layout(shape, fold).lanes)
    beats = blocks if parallel > 1 else shape.groups * -(-shape.group_outputs // fold.outputs)
    steps = -(-shape.group_inputs // fold.inputs) * (shape.window.taps // fold.taps)
    return max(height * width * beats * steps, source.shape[1] * source.shape[2] * words)


def legal_folds(shape: Shape) -> list[Fold]:
    """Folds that waste no lane: divisors of the channel counts, all tap choices."""
    taps = WindowWalk.legal_parallel_taps(shape.window.kernel)
    outputs, inputs = _divisors(shape.group_outputs), _divisors(shape.group_inputs)
    folds = [Fold(p, s, q) for p in outputs for s in inputs for q in taps]
    if shape.groups > 1:
        folds += [
            Fold(parallel * shape.group_outputs, shape.group_inputs, q)
            for parallel in _divisors(shape.groups)[1:]
            for q in taps
        ]
    return folds


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
