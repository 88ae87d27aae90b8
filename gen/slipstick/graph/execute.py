"""The golden model: executes an integer graph on int64 torch tensors.

Matrix products run in float32 or float64 only where the proven interval of every partial sum
fits the mantissa, so that each of them is an exact integer whatever the order of summation.
"""

from collections.abc import Iterator
from functools import singledispatch

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from slipstick.graph.graph import Graph
from slipstick.graph.infer import divide_round, gate_shifts
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
    ShiftMatmul,
)
from slipstick.graph.window import Window
from slipstick.kernels import l1_distance

BATCH = 256
"""Frames executed together: large enough for the matrix library, small enough for the cache."""


def run(graph: Graph, frames: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every tensor of ``graph`` for integer ``frames`` of shape ``(N, C, H, W)``.

    Returns name to int64 ``(N, C, H, W)``. For many frames use `run_batches`.
    """
    values: dict[str, torch.Tensor] = {}
    for node in graph.nodes:
        sources = [values[name] for name in node.inputs]
        values[node.name] = execute(node, *(sources or [frames.to(torch.int64)]))
    return values


def run_batches(graph: Graph, frames: torch.Tensor) -> Iterator[dict[str, torch.Tensor]]:
    """`run` on consecutive batches of `BATCH` frames, so that memory stays bounded."""
    for start in range(0, len(frames), BATCH):
        yield run(graph, frames[start : start + BATCH])


@singledispatch
def execute(node: Node, *inputs: torch.Tensor) -> torch.Tensor:
    """The int64 tensor ``(N, C, H, W)`` that ``node`` makes of ``inputs``."""
    raise TypeError(f"Node must be a kind of the integer graph, not {type(node).__name__}")


def _pad(x: torch.Tensor, window: Window, value: int = 0) -> torch.Tensor:
    top, bottom, left, right = window.padding
    return F.pad(x, (left, right, top, bottom), value=value) if window.pads else x


def _unfold(x: torch.Tensor, window: Window, groups: int) -> torch.Tensor:
    """Windows as columns: ``(N, C, H, W)`` to ``(N, groups, C/groups*kh*kw, Ho*Wo)``."""
    padded = _pad(x, window).contiguous()
    sn, sc, sh, sw = padded.stride()
    (sy, sx), (dy, dx) = window.stride, window.dilation
    size = window.output_size(*x.shape[2:])
    # A copy of strided views takes a third of the time of torch's own unfolding.
    windows = padded.as_strided(
        (*x.shape[:2], *window.kernel, *size), (sn, sc, dy * sh, dx * sw, sy * sh, sx * sw)
    )
    return windows.reshape(len(x), groups, -1, size[0] * size[1])


def _as_image(columns: torch.Tensor, x: torch.Tensor, window: Window) -> torch.Tensor:
    """``(N, groups, O/groups, Ho*Wo)`` to ``(N, O, Ho, Wo)``."""
    return columns.reshape(len(x), -1, *window.output_size(*x.shape[2:]))


@execute.register
def _(node: Input, frames: torch.Tensor) -> torch.Tensor:
    if frames.shape[1:] != node.shape:
        raise ValueError(f"Frames must have shape {node.shape}, not {tuple(frames.shape[1:])}")
    if len(frames) and (frames.min() < node.lo or frames.max() > node.hi):
        raise ValueError(f"Frames must be integers in [{node.lo}, {node.hi}]")
    return frames


def _exact_float(bound: float) -> torch.dtype:
    """The cheapest float type in which all integers up to ``bound`` are exact."""
    if bound < 2**24:
        return torch.float32
    if bound < 2**53:
        return torch.float64
    raise ValueError(f"Sums must stay below 2**53, not {bound:.3g}")


@execute.register
def _(node: ShiftMatmul, x: torch.Tensor) -> torch.Tensor:
    bias = torch.from_numpy(node.bias)[:, None, None]
    if not node.truncates:
        return _weighted_sums(node, node.weight, x) + bias
    sums = bias
    for exponent in np.unique(node.exponent[node.sign != 0]).tolist():
        # What one exponent leaves of the input is the same for all weights that have it.
        product = x << exponent if exponent > 0 else x >> -exponent
        signs = np.where(node.exponent == exponent, node.sign, 0).sum(axis=0)
        sums = sums + _weighted_sums(node, signs, product)
    return sums


def _weighted_sums(node: ShiftMatmul, weight: np.ndarray, x: torch.Tensor) -> torch.Tensor:
    """The convolution of ``x`` by integers ``weight`` ``(O, I/groups, kh, kw)``, exact."""
    filters = torch.from_numpy(weight).reshape(node.groups, -1, weight[0].size)
    largest = float(x.abs().max()) if x.numel() else 0.0
    dtype = _exact_float(largest * float(filters.abs().sum(-1).max()))
    columns = _unfold(x.to(dtype), node.window, node.groups)
    sums = torch.matmul(filters.to(dtype), columns).to(torch.int64)
    return _as_image(sums, x, node.window)


@execute.register
def _(node: L1Matmul, x: torch.Tensor) -> torch.Tensor:
    weight = torch.from_numpy(node.weight).reshape(node.groups, -1, node.weight[0].size)
    columns = _unfold(x, node.window, node.groups)
    sums = torch.stack([l1_distance(columns[:, g], weight[g]) for g in range(node.groups)], dim=1)
    return torch.from_numpy(node.bias)[:, None, None] - _as_image(sums, x, node.window)


@execute.register
def _(node: Affine, x: torch.Tensor) -> torch.Tensor:
    multiplier, bias = (torch.from_numpy(a)[:, None, None] for a in (node.multiplier, node.bias))
    return divide_round(x * multiplier + bias, node.shift, node.rounding).clamp(node.lo, node.hi)


@execute.register
def _(node: Add, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a << node.shifts[0]) + (b << node.shifts[1])


@execute.register
def _(node: Concat, *sources: torch.Tensor) -> torch.Tensor:
    pairs = zip(sources, node.shifts, strict=True)
    return torch.cat([source << shift for source, shift in pairs], dim=1)


@execute.register
def _(node: Pool, x: torch.Tensor) -> torch.Tensor:
    outside = torch.iinfo(torch.int64).min if node.kind == "max" else 0
    padded = _pad(x, node.window, outside)
    (kh, kw), (sy, sx), (dy, dx) = node.window.kernel, node.window.stride, node.window.dilation
    height, width = node.window.output_size(*x.shape[2:])
    result: torch.Tensor | None = None
    for ky in range(kh):
        for kx in range(kw):
            tap = padded[
                :,
                :,
                ky * dy : ky * dy + (height - 1) * sy + 1 : sy,
                kx * dx : kx * dx + (width - 1) * sx + 1 : sx,
            ]
            if result is None:
                result = tap
            else:
                result = torch.maximum(result, tap) if node.kind == "max" else result + tap
    assert result is not None
    return result


@execute.register
def _(node: Move, x: torch.Tensor) -> torch.Tensor:
    result = x.new_zeros((len(x), len(node.channel), *x.shape[2:]))
    for dy, dx in {*zip(node.dy.tolist(), node.dx.tolist(), strict=True)}:
        there = node.channel != NOTHING
        moved = torch.from_numpy((node.dy == dy) & (node.dx == dx) & there)
        picked = x[:, torch.from_numpy(node.channel)[moved]]
        displace = _along_rows if node.boundary == "address" else _in_image
        result[:, moved] = displace(picked, dy, dx)
    return result


def _in_image(x: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """``x[..., h + dy, w + dx]``, 0 outside."""
    height, width = x.shape[2:]
    dy, dx = (max(-size, min(step, size)) for step, size in ((dy, height), (dx, width)))
    padded = F.pad(x, (max(-dx, 0), max(dx, 0), max(-dy, 0), max(dy, 0)))
    top, left = max(dy, 0), max(dx, 0)
    return padded[:, :, top : top + height, left : left + width]


def _along_rows(x: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """The flat map ``dy * W + dx`` places further on, 0 beyond its ends."""
    flat = x.flatten(2)[:, :, None]
    return _in_image(flat, 0, dy * x.shape[3] + dx).reshape(x.shape)


@execute.register
def _(node: Gate, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return x << gate_shifts(node, z)


@execute.register
def _(node: Flatten, x: torch.Tensor) -> torch.Tensor:
    return x.reshape(len(x), -1, 1, 1)


@execute.register
def _(node: Argmax, x: torch.Tensor) -> torch.Tensor:
    # A stable sort of equal values keeps the lowest index first; torch.argmax does not promise it.
    best = x.max(dim=1, keepdim=True).values
    index = torch.arange(x.shape[1])[:, None, None]
    return torch.where(x == best, index, x.shape[1]).min(dim=1, keepdim=True).values
