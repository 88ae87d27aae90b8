"""The folds an engine can have, and what each means for words, beats and cycles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, singledispatch
from itertools import pairwise

import numpy as np

from slipstick.errors import SlipstickError
from slipstick.fold.arrange import arrange_weights
from slipstick.fold.moves import lane_moves
from slipstick.fold.stages import StageNodes
from slipstick.graph import L1Matmul, Move, Node, Pool, ShiftMatmul, Tensor, Window
from slipstick.rtl_templates.moved_walk import moved_walk
from slipstick.rtl_templates.weight_rom import RomStyle
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
    rom : what holds the weights; None for what their depth asks for.
    """

    outputs: int
    inputs: int
    taps: int
    rom: RomStyle | None = None

    @property
    def lanes(self) -> int:
        """Lanes of the array."""
        return self.outputs * self.inputs * self.taps


@dataclass(frozen=True, eq=False)
class Shape:
    """What a layer with a window is to an engine.

    A pool, and a move that stands alone, is a layer of as many groups as channels.

    Attributes
    ----------
    inputs, outputs : channels that the lanes read, and make.
    stored : channels that the line buffer stores; others than ``inputs`` where ``move`` picks.
    move : where the lanes find their channels, if not in place.
    weighted : whether a weight counts, bool ``(O, I/groups, kh, kw)``, or None if all do.
    """

    name: str
    window: Window
    groups: int
    inputs: int
    outputs: int
    terms: int
    stored: int
    move: Move | None = None
    weighted: np.ndarray | None = None

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
    weighted: np.ndarray = np.any(node.sign, axis=0)
    return Shape(
        node.name,
        node.window,
        node.groups,
        channels,
        outputs,
        terms,
        channels,
        weighted=None if weighted.all() else weighted,
    )


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

    if fold.rom is not None and not shape.terms:
        raise SlipstickError(
            f"Layer '{shape.name}'",
            "has no weights that a ROM could hold",
            "leave rom out of its [layer] table",
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
        walk: WindowWalk = moved_walk(
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
    else:
        walk = WindowWalk(
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
    if shape.weighted is None:
        return walk
    met = arrange_weights(shape.weighted, walk, words, outputs, shape.groups)
    steps: np.ndarray = np.any(met, axis=(1, 2, 3))
    return replace(walk, skipped=_skipped(steps, walk.steps_per_beat))


def _skipped(met: np.ndarray, steps_per_beat: int) -> tuple[int, ...]:
    """The steps that meet no weight; an output beat that meets none keeps its first step."""
    kept = met.reshape(-1, steps_per_beat).copy()
    kept[:, 0] |= ~kept.any(axis=1)
    return tuple(np.flatnonzero(~kept.ravel()).tolist())


def engine_cycles(shape: Shape, fold: Fold, source: Tensor) -> int:
    """Initiation interval of the engine: the larger of its steps and its input beats.

    Where weights are 0 and the source is a flattened image the steps are an estimate: which
    ones meet no weight depends on the order in which the image passes.
    """
    height, width = shape.window.output_size(*source.shape[1:])
    return max(height * width * steps_of(shape, fold), input_beats(shape, fold, source))


def input_beats(shape: Shape, fold: Fold, source: Tensor) -> int:
    """Cycles in which a frame enters the engine."""
    blocks = -(-shape.groups // _parallel_groups(shape, fold))
    words = blocks * -(-shape.group_inputs // fold.inputs)
    if shape.move is not None:
        words = -(-shape.stored // read_layout(shape, fold).lanes)
    return source.shape[1] * source.shape[2] * words


def steps_of(shape: Shape, fold: Fold) -> int:
    """Steps of an output pixel."""
    if shape.weighted is None:
        parallel = _parallel_groups(shape, fold)
        blocks = -(-shape.groups // parallel)
        beats = blocks if parallel > 1 else shape.groups * -(-shape.group_outputs // fold.outputs)
        words = -(-shape.group_inputs // fold.inputs)
        return beats * words * (shape.window.taps // fold.taps)
    met = _met_by_outputs(shape, fold.inputs, fold.taps)
    block = len(met) if fold.outputs > shape.group_outputs else shape.group_outputs
    by_block = met.reshape(-1, block, met.shape[1])
    starts = np.arange(0, block, fold.outputs)
    kept = np.logical_or.reduceat(by_block, starts, axis=1).sum(axis=2)
    return int(np.maximum(1, kept).sum())


@lru_cache(maxsize=32)
def _met_by_outputs(shape: Shape, inputs: int, taps: int) -> np.ndarray:
    """Whether an output meets a weight in each of its steps, bool ``(O, steps)``."""
    assert shape.weighted is not None
    outputs, channels, _, columns = shape.weighted.shape
    words = np.logical_or.reduceat(shape.weighted, np.arange(0, channels, inputs), axis=1)
    if taps == 1:
        return words.reshape(outputs, -1)
    together = (3,) if taps == columns else (2, 3)
    return words.any(axis=together).reshape(outputs, -1)


def legal_folds(shape: Shape, sizes: Callable[[int], list[int]]) -> list[Fold]:
    """Folds of ``sizes`` of the channel counts and all tap choices."""
    taps = WindowWalk.legal_parallel_taps(shape.window.kernel)
    outputs, inputs = sizes(shape.group_outputs), sizes(shape.group_inputs)
    folds = [Fold(p, s, q) for p in outputs for s in inputs for q in taps]
    if shape.groups > 1:
        folds += [
            Fold(parallel * shape.group_outputs, shape.group_inputs, q)
            for parallel in divisors(shape.groups)[1:]
            for q in taps
        ]
    return folds


def divisors(number: int) -> list[int]:
    """Lanes that share ``number`` channels and waste none."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def even_sizes(number: int) -> list[int]:
    """`divisors`, and where one is more than twice the one before it what lies between.

    Those between leave lanes without a channel in their last beat, but they are the fewest lanes
    for their beats: 10 channels pass in 3 beats of 4 or 4 beats of 3.
    """
    sizes = divisors(number)
    between = {
        -(-number // beats)
        for low, high in pairwise(sizes)
        if high > 2 * low
        for beats in range(number // high + 1, -(-number // low))
    }
    return sorted({*sizes} | between)
