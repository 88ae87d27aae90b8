"""Executes a float graph: the trained network's values at every node, for calibration."""

from collections.abc import Iterator
from functools import singledispatch

import torch
import torch.nn.functional as F  # noqa: N812

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.errors import SlipstickError
from slipstick.frontend.float_graph import FloatGraph
from slipstick.frontend.nodes import (
    AdderLayer,
    AdditiveLevels,
    AvgPool,
    BatchNorm,
    Clamp,
    CommonGrid,
    FixedPoint,
    FloatAdd,
    FloatArgmax,
    FloatConcat,
    FloatFlatten,
    FloatGate,
    FloatInput,
    FloatMatmul,
    FloatMove,
    FloatNode,
    MaxPool,
)
from slipstick.graph import Window
from slipstick.graph.nodes import NOTHING

BATCH = 64
"""Images executed together; every node's tensor of a batch is alive at once."""


def run_float(graph: FloatGraph, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every tensor of ``graph``, float32 ``(N, C, H, W)``, for images as the model takes them."""
    values: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for node in graph.nodes:
            sources = [values[name] for name in node.inputs]
            values[node.name] = execute(node, *(sources or [images.to(torch.float32)]))
    return values


def run_float_batches(graph: FloatGraph, images: torch.Tensor) -> Iterator[dict[str, torch.Tensor]]:
    """`run_float` on consecutive batches of `BATCH` images, so that memory stays bounded."""
    for start in range(0, len(images), BATCH):
        yield run_float(graph, images[start : start + BATCH])


@singledispatch
def execute(node: FloatNode, *inputs: torch.Tensor) -> torch.Tensor:
    """The tensor ``(N, C, H, W)`` that ``node`` makes of ``inputs``."""
    raise TypeError(f"Node must be a kind of the float graph, not {type(node).__name__}")


def _pad(x: torch.Tensor, window: Window, value: float = 0.0) -> torch.Tensor:
    top, bottom, left, right = window.padding
    return F.pad(x, (left, right, top, bottom), value=value) if window.pads else x


@execute.register
def _(node: FloatInput, images: torch.Tensor) -> torch.Tensor:
    expected = node.shape[:1] if node.vector else node.shape
    # A vector may come as (N, F, 1, 1) too, as every tensor of the graph.
    if tuple(images.shape[1:]) not in (expected, node.shape):
        raise SlipstickError(
            "Images",
            f"the model takes shape {('N', *expected)}, found {tuple(images.shape)}",
            "give images of the shape the model was exported with",
        )
    return images.reshape(len(images), *node.shape)


@execute.register
def _(node: FloatMatmul, x: torch.Tensor) -> torch.Tensor:
    window = node.window
    return F.conv2d(
        _pad(x, window),
        node.weight,
        node.bias,
        stride=window.stride,
        dilation=window.dilation,
        groups=node.groups,
    )


@execute.register
def _(node: AdderLayer, x: torch.Tensor) -> torch.Tensor:
    window = node.window
    geometry = (window.stride, window.padding, window.dilation, node.groups)
    return torch.ops.slipstick.adder_conv2d(x, node.weight, node.bias, *geometry)


@execute.register
def _(node: BatchNorm, x: torch.Tensor) -> torch.Tensor:
    mean, scale, offset = (
        value.to(x.dtype)[:, None, None] for value in (node.mean, node.scale, node.offset)
    )
    return (x - mean) * scale + offset


@execute.register
def _(node: Clamp, x: torch.Tensor) -> torch.Tensor:
    return x.clamp(node.lo, node.hi)


@execute.register
def _(node: FixedPoint, x: torch.Tensor) -> torch.Tensor:
    step = 2.0**node.fraction_bits
    whole = torch.floor(x * step) if node.rounding == "floor" else torch.round(x * step)
    return (whole / step).clamp(node.lo, node.hi)


@execute.register
def _(node: CommonGrid, x: torch.Tensor) -> torch.Tensor:
    return torch.ops.slipstick.round_half_even(x, node.fraction_bits)


@execute.register
def _(node: AdditiveLevels, x: torch.Tensor) -> torch.Tensor:
    return torch.ops.slipstick.apot_activation(x, x.new_tensor(node.bound), node.bits)


@execute.register
def _(node: MaxPool, x: torch.Tensor) -> torch.Tensor:
    window = node.window
    return F.max_pool2d(
        _pad(x, window, float("-inf")),
        window.kernel,
        stride=window.stride,
        dilation=window.dilation,
    )


@execute.register
def _(node: AvgPool, x: torch.Tensor) -> torch.Tensor:
    window = node.window
    return F.avg_pool2d(
        _pad(x, window), window.kernel, stride=window.stride, divisor_override=node.divisor
    )


@execute.register
def _(node: FloatAdd, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a + b


@execute.register
def _(node: FloatConcat, *sources: torch.Tensor) -> torch.Tensor:
    return torch.cat(sources, dim=1)


@execute.register
def _(node: FloatMove, x: torch.Tensor) -> torch.Tensor:
    channel = [0 if each == NOTHING else each for each in node.channel]
    moved = torch.ops.slipstick.move(x, channel, node.dy, node.dx, node.boundary)
    nothing = torch.tensor([each == NOTHING for each in node.channel])
    return moved.masked_fill(nothing[:, None, None], 0.0)


@execute.register
def _(node: FloatGate, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    # In float64, as the layer itself compares.
    limits = torch.tensor(node.limits, dtype=torch.float64)
    above = (z[..., None].double() < limits).sum(-1)
    return torch.ldexp(x, -above)


@execute.register
def _(node: FloatFlatten, x: torch.Tensor) -> torch.Tensor:
    return x.reshape(len(x), -1, 1, 1)


@execute.register
def _(node: FloatArgmax, x: torch.Tensor) -> torch.Tensor:
    return x.argmax(dim=1, keepdim=True)
