"""Proven intervals: the output tensor of a node from its inputs' tensors.

Interval arithmetic with constant weights is exact for one linear layer: each end of the result
is reached by some input within the input's interval.
"""

from functools import singledispatch
from typing import TypeVar

import numpy as np
import torch

from slipstick.errors import SlipstickError
from slipstick.graph.nodes import (
    NOTHING,
    Add,
    Affine,
    Argmax,
    Concat,
    Flatten,
    Gate,
    Input,
    L1Matmul,
    Move,
    Node,
    Pool,
    Rounding,
    ShiftMatmul,
)
from slipstick.graph.tensor import INT64_SAFE_BITS, Tensor
from slipstick.graph.window import Window

Integers = TypeVar("Integers", np.ndarray, torch.Tensor)
"""int64 values, whichever library holds them."""


@singledispatch
def infer(node: Node, *inputs: Tensor) -> Tensor:
    """The tensor that ``node`` makes of ``inputs``: shape, grid and proven intervals."""
    raise TypeError(f"Node must be a kind of the integer graph, not {type(node).__name__}")


def divide_round(value: Integers, shift: int, rounding: Rounding) -> Integers:
    """``value / 2**shift`` to an integer. Works on int64 arrays and int64 torch tensors."""
    if shift == 0:
        return value
    half = 1 << (shift - 1)
    if rounding == "floor":
        return value >> shift
    rounded = (value + half) >> shift
    if rounding == "half_even":
        tie = (value & ((1 << shift) - 1)) == half
        rounded = rounded - tie * (rounded & 1)
    return rounded


def _checked(node: Node, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends computed in float64, back as int64 once known to fit."""
    worst = max(float(np.abs(lo).max()), float(np.abs(hi).max()))
    if worst >= 2.0**INT64_SAFE_BITS:
        raise SlipstickError(
            f"Layer '{node.name}'",
            f"its sums reach 2**{np.log2(worst):.0f}, the golden model holds "
            f"{INT64_SAFE_BITS} bits",
            "use fewer weight bits or narrower activations for this layer",
        )
    return lo, hi


def _output_shape(
    node: Node, window: Window, channels: int, source: Tensor
) -> tuple[int, int, int]:
    height, width = window.output_size(*source.shape[1:])
    if height < 1 or width < 1:
        raise SlipstickError(
            f"Layer '{node.name}'",
            f"window {window.kernel} does not fit its {source.shape[1]}x{source.shape[2]} input",
            "use a larger image, more padding or a smaller kernel",
        )
    return channels, height, width


def tap_interval(source: Tensor, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Per-channel interval of what a tap can read: the tensor's, and 0 where it may pad."""
    if window.pads:
        return np.minimum(source.lo, 0), np.maximum(source.hi, 0)
    return source.lo, source.hi


def grouped(values: np.ndarray, groups: int, outputs: int) -> np.ndarray:
    """Per-input-channel values as each output channel meets them: ``(O, I/groups)``."""
    return np.repeat(values.reshape(groups, -1), outputs // groups, axis=0)


@infer.register
def _(node: Input) -> Tensor:
    channels = node.shape[0]
    return Tensor(
        node.name,
        node.shape,
        node.frac,
        np.full(channels, node.lo, np.int64),
        np.full(channels, node.hi, np.int64),
    )


@infer.register
def _(node: ShiftMatmul, source: Tensor) -> Tensor:
    outputs = len(node.bias)
    shape = _output_shape(node, node.window, outputs, source)
    lo, hi = (
        grouped(end, node.groups, outputs)[:, :, None, None]
        for end in tap_interval(source, node.window)
    )
    magnitude = np.maximum(np.abs(lo), np.abs(hi)) + 1.0
    size = np.abs((node.sign * 2.0**node.exponent).sum(axis=0))
    _checked(node, -(size * magnitude).sum((1, 2, 3)), np.abs(node.bias).astype(float))
    if node.truncates:
        ends = [(node.sign * _floor_shift(end, node.exponent)).sum(axis=0) for end in (lo, hi)]
    else:
        ends = [node.weight * lo, node.weight * hi]
    low = np.minimum(*ends).sum((1, 2, 3)) + node.bias
    high = np.maximum(*ends).sum((1, 2, 3)) + node.bias
    return Tensor(node.name, shape, source.frac + node.weight_frac, low, high)


@infer.register
def _(node: L1Matmul, source: Tensor) -> Tensor:
    weight = node.weight
    shape = _output_shape(node, node.window, len(weight), source)
    lo, hi = (
        grouped(end, node.groups, len(weight))[:, :, None, None]
        for end in tap_interval(source, node.window)
    )
    nearest = np.maximum(0, np.maximum(lo - weight, weight - hi))
    farthest = np.maximum(np.abs(lo - weight), np.abs(hi - weight))
    low = node.bias - farthest.sum((1, 2, 3))
    high = node.bias - nearest.sum((1, 2, 3))
    return Tensor(node.name, shape, source.frac, low, high)


def _floor_shift(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """``floor(values * 2**exponent)`` of int64 arrays."""
    return (values << np.maximum(exponent, 0)) >> np.maximum(-exponent, 0)


def affine_integers(node: Affine, x: np.ndarray) -> np.ndarray:
    """What ``node`` does to int64 values of shape ``(C,)``, one a channel."""
    rounded = divide_round(x * node.multiplier + node.bias, node.shift, node.rounding)
    return np.clip(rounded, node.lo, node.hi)


@infer.register
def _(node: Affine, source: Tensor) -> Tensor:
    magnitude = np.maximum(np.abs(source.lo), np.abs(source.hi)).astype(float)
    widest = magnitude * (1 << node.exponent).sum(axis=0) + np.abs(node.bias)
    _checked(node, widest, widest)
    ends = [affine_integers(node, source.lo), affine_integers(node, source.hi)]
    return Tensor(node.name, source.shape, node.frac, np.minimum(*ends), np.maximum(*ends))


@infer.register
def _(node: Add, a: Tensor, b: Tensor) -> Tensor:
    if a.shape != b.shape:
        raise SlipstickError(
            f"Layer '{node.name}'",
            f"adds shapes {a.shape} and {b.shape}",
            "both inputs of an addition must have one shape; broadcasting is not supported",
        )
    return Tensor(
        node.name,
        a.shape,
        a.frac + node.shifts[0],
        (a.lo << node.shifts[0]) + (b.lo << node.shifts[1]),
        (a.hi << node.shifts[0]) + (b.hi << node.shifts[1]),
    )


@infer.register
def _(node: Concat, *sources: Tensor) -> Tensor:
    sizes = {source.shape[1:] for source in sources}
    if len(sizes) != 1:
        raise SlipstickError(
            f"Layer '{node.name}'",
            f"concatenates images of sizes {sorted(sizes)}",
            "all inputs of a concatenation must have one height and width",
        )
    pairs = list(zip(sources, node.shifts, strict=True))
    return Tensor(
        node.name,
        (sum(source.shape[0] for source in sources), *sources[0].shape[1:]),
        sources[0].frac + node.shifts[0],
        np.concatenate([source.lo << shift for source, shift in pairs]),
        np.concatenate([source.hi << shift for source, shift in pairs]),
    )


@infer.register
def _(node: Pool, source: Tensor) -> Tensor:
    shape = _output_shape(node, node.window, source.shape[0], source)
    if node.kind == "max":
        return Tensor(node.name, shape, source.frac, source.lo, source.hi)
    lo, hi = tap_interval(source, node.window)
    taps = node.window.taps
    return Tensor(node.name, shape, source.frac, lo * taps, hi * taps)


@infer.register
def _(node: Move, source: Tensor) -> Tensor:
    lo, hi = source.lo[node.channel], source.hi[node.channel]
    nothing = node.channel == NOTHING
    lo, hi = (np.where(nothing, 0, end) for end in (lo, hi))
    # A moved channel can read outside the image, where there is 0.
    moved = (node.dy != 0) | (node.dx != 0)
    return Tensor(
        node.name,
        (len(node.channel), *source.shape[1:]),
        source.frac,
        np.where(moved, np.minimum(lo, 0), lo),
        np.where(moved, np.maximum(hi, 0), hi),
    )


@infer.register
def _(node: Gate, x: Tensor, z: Tensor) -> Tensor:
    if z.shape != (x.shape[0], 1, 1):
        raise SlipstickError(
            f"Layer '{node.name}'",
            f"gates shape {x.shape} by logits of shape {z.shape}",
            "a gate must have one logit for each channel of its image",
        )
    # Shifts rise with the logit, so the ends of its interval shift least and most.
    least, most = (gate_shifts(node, end) for end in (z.lo, z.hi))
    return Tensor(
        node.name,
        x.shape,
        x.frac + len(node.thresholds),
        np.minimum(x.lo << least, x.lo << most),
        np.maximum(x.hi << least, x.hi << most),
    )


def gate_shifts(node: Gate, z: Integers) -> Integers:
    """By how much ``node`` shifts for int64 logits ``z``, one shift each."""
    shifts = 0 * z
    for threshold in node.thresholds.tolist():
        shifts = shifts + (z >= threshold)
    return shifts


@infer.register
def _(node: Flatten, source: Tensor) -> Tensor:
    channels, height, width = source.shape
    return Tensor(
        node.name,
        (channels * height * width, 1, 1),
        source.frac,
        np.repeat(source.lo, height * width),
        np.repeat(source.hi, height * width),
    )


@infer.register
def _(node: Argmax, source: Tensor) -> Tensor:
    channels, height, width = source.shape
    return Tensor(
        node.name,
        (1, height, width),
        0,
        np.zeros(1, np.int64),
        np.full(1, channels - 1, np.int64),
    )
