"""Additive powers of two (APoT, Li et al. 2020) and their custom ops: one call a layer.

A weight is normalised, divided by its trained bound ``wgt_alpha``, clamped to [-1, 1], and then
becomes the nearest of a few levels. Levels are sums of powers of two, divided by the largest of
them, which is no power of two: it belongs to the scale. Gradients are those of the released code.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from slipstick.nn.convolution import convolve, convolve_backward, output_shape

_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"

TERMS: dict[int, Sequence[Sequence[int]]] = {
    1: ((0,),),
    2: ((-1, -2, -3),),
    3: ((-1, -2, -4), (-3,)),
    4: ((-1, -3, -5), (-2, -4, -6)),
    5: ((-1, -3, -6), (-2, -4, -7), (-5,)),
}
"""Exponents of each term of a level, by the bits that number the levels; a term may be absent."""


def apot_levels(bits: int) -> list[float]:
    """The ``2^bits`` levels, ascending from 0: sums of one to three powers of two.

    ``bits`` are those without sign: one fewer than the bits of a weight.
    """
    terms = [(0.0, *(2.0**exponent for exponent in exponents)) for exponents in TERMS[bits]]
    return sorted(map(sum, itertools.product(*terms)))


def apot_codes(weight: Tensor, wgt_alpha: Tensor, weight_bits: int) -> Tensor:
    """Levels of the weights with their signs, exact; `apot_weight` is a multiple of them.

    Parameters
    ----------
    weight : real weights of any shape, normalised here by their mean and standard deviation.
    wgt_alpha : scalar, the normalised weight that becomes the largest level.
    weight_bits : sign and level, 2 to 5. A weight halfway between levels takes the smaller one.
    """
    bounded = _normalised(weight) / wgt_alpha
    return torch.sign(bounded) * _nearest(bounded.abs(), weight_bits - 1)


def apot_weight(weight: Tensor, wgt_alpha: Tensor, weight_bits: int) -> Tensor:
    """Effective weights: `apot_codes` times ``wgt_alpha / largest level``."""
    scale = wgt_alpha / apot_levels(weight_bits - 1)[-1]
    return apot_codes(weight, wgt_alpha, weight_bits) * scale


@torch.library.custom_op(
    "slipstick::apot_conv2d",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor wgt_alpha, Tensor? bias, "
    f"{_GEOMETRY}, int weight_bits) -> Tensor",
)
def apot_conv2d(
    x: Tensor,
    weight: Tensor,
    wgt_alpha: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    weight_bits: int,
) -> Tensor:
    """Convolution of (N, C, H, W) by `apot_weight`; ``padding`` is (top, bottom, left, right)."""
    weight = apot_weight(weight, wgt_alpha, weight_bits)
    return convolve(x, weight, bias, stride, padding, dilation, groups)


@torch.library.custom_op(
    "slipstick::apot_linear",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor wgt_alpha, Tensor? bias, int weight_bits) -> Tensor",
)
def apot_linear(
    x: Tensor, weight: Tensor, wgt_alpha: Tensor, bias: Tensor | None, weight_bits: int
) -> Tensor:
    """Linear layer of `apot_weight`, (..., I) to (..., O)."""
    return F.linear(x, apot_weight(weight, wgt_alpha, weight_bits), bias)


@torch.library.custom_op(
    "slipstick::apot_activation",
    mutates_args=(),
    schema="(Tensor x, Tensor act_alpha, int bits) -> Tensor",
)
def apot_activation(x: Tensor, act_alpha: Tensor, bits: int) -> Tensor:
    """The nearest level, from 0 to ``act_alpha``, of values of any shape."""
    return _nearest(x / act_alpha, bits) * (act_alpha / apot_levels(bits)[-1])


@apot_conv2d.register_fake
def _(x: Tensor, weight: Tensor, wgt_alpha: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    return x.new_empty(output_shape(x, weight, *rest[:3]))


@apot_linear.register_fake
def _(
    x: Tensor, weight: Tensor, wgt_alpha: Tensor, bias: Tensor | None, weight_bits: int
) -> Tensor:
    return x.new_empty([*x.shape[:-1], weight.shape[0]])


@apot_activation.register_fake
def _(x: Tensor, act_alpha: Tensor, bits: int) -> Tensor:
    return x.new_empty(x.shape)


def _normalised(weight: Tensor) -> Tensor:
    """``weight`` with mean 0 and (unbiased) standard deviation 1."""
    return (weight - weight.mean()) / weight.std()


def _nearest(share: Tensor, bits: int) -> Tensor:
    """The level next to ``share`` of the largest level; from 0 below, the largest above 1."""
    levels = torch.tensor(apot_levels(bits), dtype=share.dtype, device=share.device)
    halfway = (levels[1:] + levels[:-1]) / (2 * levels[-1])
    return levels[torch.bucketize(share.contiguous(), halfway)]


def _weight_gradients(
    dw: Tensor, weight: Tensor, wgt_alpha: Tensor, weight_bits: int
) -> tuple[Tensor, Tensor]:
    """Gradients for ``weight`` and ``wgt_alpha``, of ``dw`` of the effective weights.

    Rounding and clamping count as the identity for ``weight``, mean and deviation as constants.
    """
    bounded = _normalised(weight) / wgt_alpha
    rounded = apot_codes(weight, wgt_alpha, weight_bits) / apot_levels(weight_bits - 1)[-1]
    slope = torch.where(bounded.abs() > 1, rounded, rounded - bounded)
    return dw / weight.std(), (dw * slope).sum().to(wgt_alpha.dtype)


def _remember_weights(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, wgt_alpha, _bias, *ctx.geometry, ctx.weight_bits = inputs
    ctx.save_for_backward(x, weight, wgt_alpha)


def _remember_activations(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, act_alpha, ctx.bits = inputs
    ctx.save_for_backward(x, act_alpha)


def _conv2d_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, weight, alpha = ctx.saved_tensors
    wanted = (ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:3]))
    effective = apot_weight(weight, alpha, ctx.weight_bits)
    dx, dw = convolve_backward(gradient, x, effective, wanted, *ctx.geometry)
    parts = (None, None) if dw is None else _weight_gradients(dw, weight, alpha, ctx.weight_bits)
    bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[3] else None
    return dx, *parts, bias, *([None] * 5)


def _linear_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, weight, alpha = ctx.saved_tensors
    dx = gradient @ apot_weight(weight, alpha, ctx.weight_bits)
    rows = gradient.reshape(-1, len(weight))
    dw = rows.t() @ x.reshape(-1, weight.shape[1])
    parts = _weight_gradients(dw, weight, alpha, ctx.weight_bits)
    return dx, *parts, rows.sum(0) if ctx.needs_input_grad[3] else None, None


def _activation_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
    """Straight through between 0 and ``act_alpha``, nothing outside; ``act_alpha`` as a bound."""
    x, act_alpha = ctx.saved_tensors
    share = x / act_alpha
    inside = (share >= 0) & (share <= 1)
    rounded = _nearest(share, ctx.bits) / apot_levels(ctx.bits)[-1]
    slope = torch.where(inside, rounded - share, rounded)
    return gradient * inside, (gradient * slope).sum().to(act_alpha.dtype), None


apot_conv2d.register_autograd(_conv2d_backward, setup_context=_remember_weights)
apot_linear.register_autograd(_linear_backward, setup_context=_remember_weights)
apot_activation.register_autograd(_activation_backward, setup_context=_remember_activations)
