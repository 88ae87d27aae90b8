"""Custom ops of the shift layers: one call a layer in an exported program.

Straight-through gradients as in DeepShift: rounding and clamping count as the identity. What is
rounded follows the released code layer by layer: both convolutions round input and bias, the
Q linear layer rounds its input only, the PS linear layer rounds neither.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from slipstick.nn.convolution import convolve, convolve_backward, output_shape
from slipstick.nn.quantisers import fixed_point, shift_weight_ps, shift_weight_q

_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"
_BITS = "int weight_bits, int integer_bits, int fraction_bits"


@torch.library.custom_op(
    "slipstick::shift_conv2d",
    mutates_args=(),
    schema=f"(Tensor x, Tensor weight, Tensor? bias, {_GEOMETRY}, {_BITS}) -> Tensor",
)
def shift_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    weight_bits: int,
    integer_bits: int,
    fraction_bits: int,
) -> Tensor:
    """DeepShift-Q convolution of (N, C, H, W); ``padding`` is (top, bottom, left, right)."""
    weight = shift_weight_q(weight, weight_bits)
    x = fixed_point(x, integer_bits, fraction_bits)
    bias = None if bias is None else fixed_point(bias, integer_bits, fraction_bits)
    return convolve(x, weight, bias, stride, padding, dilation, groups)


@torch.library.custom_op(
    "slipstick::shift_conv2d_ps",
    mutates_args=(),
    schema=f"(Tensor x, Tensor shift, Tensor sign, Tensor? bias, {_GEOMETRY}, {_BITS}) -> Tensor",
)
def shift_conv2d_ps(
    x: Tensor,
    shift: Tensor,
    sign: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    weight_bits: int,
    integer_bits: int,
    fraction_bits: int,
) -> Tensor:
    """DeepShift-PS convolution of (N, C, H, W); ``padding`` is (top, bottom, left, right)."""
    weight = shift_weight_ps(shift, sign, weight_bits)
    x = fixed_point(x, integer_bits, fraction_bits)
    bias = None if bias is None else fixed_point(bias, integer_bits, fraction_bits)
    return convolve(x, weight, bias, stride, padding, dilation, groups)


@torch.library.custom_op(
    "slipstick::shift_linear",
    mutates_args=(),
    schema=f"(Tensor x, Tensor weight, Tensor? bias, {_BITS}) -> Tensor",
)
def shift_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    weight_bits: int,
    integer_bits: int,
    fraction_bits: int,
) -> Tensor:
    """DeepShift-Q linear layer, (..., I) to (..., O); the bias is added unrounded."""
    x = fixed_point(x, integer_bits, fraction_bits)
    return F.linear(x, shift_weight_q(weight, weight_bits), bias)


@torch.library.custom_op(
    "slipstick::shift_linear_ps",
    mutates_args=(),
    schema=f"(Tensor x, Tensor shift, Tensor sign, Tensor? bias, {_BITS}) -> Tensor",
)
def shift_linear_ps(
    x: Tensor,
    shift: Tensor,
    sign: Tensor,
    bias: Tensor | None,
    weight_bits: int,
    integer_bits: int,
    fraction_bits: int,
) -> Tensor:
    """DeepShift-PS linear layer, (..., I) to (..., O); input and bias stay unrounded."""
    return F.linear(x, shift_weight_ps(shift, sign, weight_bits), bias)


@shift_conv2d.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    stride, padding, dilation = rest[:3]
    return x.new_empty(output_shape(x, weight, stride, padding, dilation))


@shift_conv2d_ps.register_fake
def _(x: Tensor, shift: Tensor, sign: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    stride, padding, dilation = rest[:3]
    return x.new_empty(output_shape(x, shift, stride, padding, dilation))


@shift_linear.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, *bits: int) -> Tensor:
    return x.new_empty([*x.shape[:-1], weight.shape[0]])


@shift_linear_ps.register_fake
def _(x: Tensor, shift: Tensor, sign: Tensor, bias: Tensor | None, *bits: int) -> Tensor:
    return x.new_empty([*x.shape[:-1], shift.shape[0]])


def _remember_q(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _bias, *ctx.arguments = inputs
    ctx.save_for_backward(x, weight)


def _remember_ps(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, shift, sign, _bias, *ctx.arguments = inputs
    ctx.save_for_backward(x, shift, sign)


def _bias_gradient(ctx: Any, position: int, gradient: Tensor, axes: Sequence[int]) -> Any:
    return gradient.sum(list(axes)) if ctx.needs_input_grad[position] else None


def _conv2d_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, weight = ctx.saved_tensors
    *geometry, weight_bits, integer_bits, fraction_bits = ctx.arguments
    weight = shift_weight_q(weight, weight_bits)
    x = fixed_point(x, integer_bits, fraction_bits)
    dx, dw = convolve_backward(gradient, x, weight, ctx.needs_input_grad[:2], *geometry)
    return dx, dw, _bias_gradient(ctx, 2, gradient, (0, 2, 3)), *([None] * 7)


def _conv2d_ps_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, shift, sign = ctx.saved_tensors
    *geometry, weight_bits, integer_bits, fraction_bits = ctx.arguments
    weight = shift_weight_ps(shift, sign, weight_bits)
    x = fixed_point(x, integer_bits, fraction_bits)
    wanted = (ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:3]))
    dx, dw = convolve_backward(gradient, x, weight, wanted, *geometry)
    bias = _bias_gradient(ctx, 3, gradient, (0, 2, 3))
    return dx, *_shift_and_sign(dw, weight), bias, *([None] * 7)


def _linear_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, weight = ctx.saved_tensors
    weight_bits, integer_bits, fraction_bits = ctx.arguments
    dx = gradient @ shift_weight_q(weight, weight_bits)
    dw = _outer(gradient, fixed_point(x, integer_bits, fraction_bits))
    bias = _bias_gradient(ctx, 2, _rows(gradient), (0,))
    return dx, dw, bias, None, None, None


def _linear_ps_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, shift, sign = ctx.saved_tensors
    weight = shift_weight_ps(shift, sign, ctx.arguments[0])
    bias = _bias_gradient(ctx, 3, _rows(gradient), (0,))
    parts = _shift_and_sign(_outer(gradient, x), weight)
    return gradient @ weight, *parts, bias, None, None, None


def _rows(x: Tensor) -> Tensor:
    """``(..., I)`` to ``(N, I)``; a single vector is one row."""
    return x.reshape(-1, x.shape[-1])


def _outer(gradient: Tensor, x: Tensor) -> Tensor:
    """``(..., O)`` and ``(..., I)`` to the weight gradient ``(O, I)``."""
    return _rows(gradient).t() @ _rows(x)


def _shift_and_sign(dw: Tensor | None, weight: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """``dL/dshift = dw * S * 2^P * ln 2`` and, deliberately without ``2^P``, ``dL/dsign = dw``."""
    return (None, None) if dw is None else (dw * weight * math.log(2), dw.clone())


shift_conv2d.register_autograd(_conv2d_backward, setup_context=_remember_q)
shift_conv2d_ps.register_autograd(_conv2d_ps_backward, setup_context=_remember_ps)
shift_linear.register_autograd(_linear_backward, setup_context=_remember_q)
shift_linear_ps.register_autograd(_linear_ps_backward, setup_context=_remember_ps)
