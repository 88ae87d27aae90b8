"""Custom ops of the adder layers (AdderNet, Chen et al. 2020): one call a layer when exported.

``Y = -sum |X - W|``, in which a padded tap counts ``-|W|``. The gradients are AdderNet's, not the
derivative: ``dY/dW = X - W`` (full precision) and ``dY/dX = HardTanh(W - X)``. The gradient of
a layer's weights is then rescaled to the length ``ETA * sqrt(number of weights)``.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from slipstick.kernels import l1_distance, l1_input_gradient
from slipstick.nn.convolution import crop, output_shape, pad

ETA = 0.2
"""Adaptive local learning rate, as in the released code."""

ELEMENTS = 1 << 20
"""Column elements handled at once: they stay in the cache between their passes."""

_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"


@torch.library.custom_op(
    "slipstick::adder_conv2d",
    mutates_args=(),
    schema=f"(Tensor x, Tensor adder, Tensor? bias, {_GEOMETRY}) -> Tensor",
)
def adder_conv2d(
    x: Tensor,
    adder: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """L1 convolution of (N, C, H, W); ``padding`` is (top, bottom, left, right)."""
    result = x.new_empty(output_shape(x, adder, stride, padding, dilation))
    filters = adder.reshape(groups, len(adder) // groups, -1)
    for images in _chunks(x, adder, result):
        columns = _columns(x[images], adder, stride, padding, dilation, groups)
        distances = [l1_distance(columns[:, g], filters[g]) for g in range(groups)]
        result[images] = torch.cat(distances, 1).view_as(result[images]).neg_()
    return result if bias is None else result.add_(bias[:, None, None])


@torch.library.custom_op(
    "slipstick::adder_linear",
    mutates_args=(),
    schema="(Tensor x, Tensor adder, Tensor? bias) -> Tensor",
)
def adder_linear(x: Tensor, adder: Tensor, bias: Tensor | None) -> Tensor:
    """L1 linear layer, (..., I) to (..., O)."""
    distances = l1_distance(_as_columns(x), adder)[0]
    result = distances.t().contiguous().neg_().view(*x.shape[:-1], len(adder))
    return result if bias is None else result.add_(bias)


@torch.library.custom_op(
    "slipstick::adder_conv2d_backward",
    mutates_args=(),
    schema=f"(Tensor gradient, Tensor x, Tensor adder, {_GEOMETRY}) -> (Tensor, Tensor)",
)
def adder_conv2d_backward(
    gradient: Tensor,
    x: Tensor,
    adder: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> tuple[Tensor, Tensor]:
    """AdderNet's gradients for ``x`` and, before the local learning rate, for ``adder``."""
    dx = x.new_empty(x.shape)
    filters = adder.reshape(groups, len(adder) // groups, -1)
    df = torch.zeros_like(filters)
    for images in _chunks(x, adder, gradient):
        columns = _columns(x[images], adder, stride, padding, dilation, groups)
        rows = gradient[images].reshape(len(columns), groups, filters.shape[1], -1)
        pairs = [_gradients(rows[:, g], columns[:, g], filters[g]) for g in range(groups)]
        df += torch.stack([pair[1] for pair in pairs])
        spread = torch.cat([pair[0] for pair in pairs], 1)
        size = pad(x[images], padding).shape[2:]
        image = F.fold(spread, size, adder.shape[2:], tuple(dilation), 0, tuple(stride))
        dx[images] = crop(image, padding)
    return dx, df.view_as(adder)


@torch.library.custom_op(
    "slipstick::adder_linear_backward",
    mutates_args=(),
    schema="(Tensor gradient, Tensor x, Tensor adder) -> (Tensor, Tensor)",
)
def adder_linear_backward(gradient: Tensor, x: Tensor, adder: Tensor) -> tuple[Tensor, Tensor]:
    """AdderNet's gradients for ``x`` and, before the local learning rate, for ``adder``."""
    dx, dw = _gradients(_as_columns(gradient), _as_columns(x), adder)
    return dx[0].t().reshape(x.shape).contiguous(), dw


@adder_conv2d.register_fake
def _(x: Tensor, adder: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    return x.new_empty(output_shape(x, adder, *geometry[:3]))


@adder_linear.register_fake
def _(x: Tensor, adder: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty([*x.shape[:-1], adder.shape[0]])


@adder_conv2d_backward.register_fake
@adder_linear_backward.register_fake
def _(gradient: Tensor, x: Tensor, adder: Tensor, *geometry: Any) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), adder.new_empty(adder.shape)


def _chunks(x: Tensor, adder: Tensor, image: Tensor) -> Iterator[slice]:
    """Slices of the batch whose columns have about `ELEMENTS` elements."""
    positions = image.shape[2] * image.shape[3]
    columns = x.shape[1] * adder.shape[2] * adder.shape[3] * positions
    step = max(1, torch.get_num_threads() * ELEMENTS // max(1, columns))
    for start in range(0, len(x), step):
        yield slice(start, start + step)


def _columns(
    x: Tensor,
    adder: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Windows of (N, C, H, W) as (N, groups, K, L), K = C/groups*kh*kw, L = Ho*Wo."""
    columns = F.unfold(pad(x, padding), adder.shape[2:], tuple(dilation), 0, tuple(stride))
    return columns.view(len(x), groups, -1, columns.shape[-1])


def _as_columns(x: Tensor) -> Tensor:
    """``(..., I)`` to ``(1, I, N)``."""
    return x.reshape(-1, x.shape[-1]).t()[None]


def _gradients(gradient: Tensor, columns: Tensor, adder: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients for ``columns`` (N, K, L) and ``adder`` (O, K) of ``gradient`` (N, O, L)."""
    # sum g (x - w) = sum g x - w sum g: one matrix product instead of an (O, K, N*L) tensor.
    products = torch.einsum("nol,nkl->ok", gradient, columns)
    dw = products - gradient.sum((0, 2))[:, None] * adder
    return l1_input_gradient(gradient, columns, adder), dw


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, adder, _bias, *ctx.arguments = inputs
    ctx.save_for_backward(x, adder)


def _locally_scaled(dw: Tensor) -> Tensor:
    """``dw / max(||dw||, 1e-12) * ETA * sqrt(numel)`` (AdderNet, equations 12 and 13)."""
    return dw / dw.norm(p=2).clamp(min=1e-12) * (ETA * math.sqrt(dw.numel()))


def _conv2d_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    dx, dw = adder_conv2d_backward(gradient, *ctx.saved_tensors, *ctx.arguments)
    bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
    return dx, _locally_scaled(dw), bias, None, None, None, None


def _linear_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    dx, dw = adder_linear_backward(gradient, *ctx.saved_tensors)
    # Rows of vectors: a sum over no axes, of a single vector, would be one over all.
    bias = gradient.reshape(-1, gradient.shape[-1]).sum(0) if ctx.needs_input_grad[2] else None
    return dx, _locally_scaled(dw), bias


adder_conv2d.register_autograd(_conv2d_backward, setup_context=_remember)
adder_linear.register_autograd(_linear_backward, setup_context=_remember)
