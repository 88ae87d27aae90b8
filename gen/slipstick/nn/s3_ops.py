"""Weights of binary decisions and their custom ops: one call a layer in an exported program.

Each real parameter decides one bit of a weight by its sign: S3 (Li et al. 2021) and DenseShift
(Li et al. 2023). Gradients pass straight through the decisions, as in their released code.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from slipstick.nn.convolution import convolve, convolve_backward, output_shape

_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"
_S3 = "Tensor weight_sign, Tensor weight_val, Tensor weight_shift, Tensor weight_shift2"
_DENSE = "Tensor weight_sign, Tensor[] weight_t"


def s3_weight(
    weight_sign: Tensor, weight_val: Tensor, weight_shift: Tensor, weight_shift2: Tensor
) -> Tensor:
    """S3's effective weights, in 0, +-1, +-2, +-4: ``sgn(sign) * H(val) * 2^t``.

    ``t = H(shift) * (H(shift2) + 1)``; ``H(x)`` is 1 for ``x > 0`` and else 0, ``sgn(0)`` is 1.
    The parameters are real and of one shape.
    """
    exponent = _step(weight_shift) * (_step(weight_shift2) + 1)
    return _sign(weight_sign) * _step(weight_val) * torch.exp2(exponent)


def denseshift_weight(weight_sign: Tensor, weight_t: Sequence[Tensor]) -> Tensor:
    """DenseShift's effective weights, never zero: ``sgn(sign) * 2^t``, ``t`` from 0 to ``n``.

    Each of the ``n`` parameters ``weight_t`` in turn makes ``t`` of the previous ``t``, at first
    0: ``t + 1`` where it is positive, else 0. All parameters are real and of one shape.
    """
    return _sign(weight_sign) * torch.exp2(_exponents(weight_t)[-1])


def s3_parameters(weight: Tensor) -> list[Tensor]:
    """``weight_sign`` to ``weight_shift2``, each 1 or -1, of which `s3_weight` makes ``weight``.

    Raises `ValueError` if a weight is none of S3's.
    """
    size = weight.abs()
    _check(weight, size, [0, 1, 2, 4])
    return [_sign(weight), _decision(size > 0), _decision(size > 1), _decision(size > 2)]


def denseshift_parameters(weight: Tensor, number: int) -> list[Tensor]:
    """``weight_sign`` and ``number`` of ``weight_t``, each 1 or -1, that make ``weight``.

    Raises `ValueError` if a weight is none of DenseShift's.
    """
    size = weight.abs()
    _check(weight, size, [2**t for t in range(number + 1)])
    # The last t of the decisions are taken, so that they count from 0 to t.
    taken = [_decision(size >= 2.0 ** (number - index)) for index in range(number)]
    return [_sign(weight), *taken]


@torch.library.custom_op(
    "slipstick::s3_conv2d",
    mutates_args=(),
    schema=f"(Tensor x, {_S3}, Tensor? bias, {_GEOMETRY}) -> Tensor",
)
def s3_conv2d(
    x: Tensor,
    weight_sign: Tensor,
    weight_val: Tensor,
    weight_shift: Tensor,
    weight_shift2: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Convolution of (N, C, H, W) by `s3_weight`; ``padding`` is (top, bottom, left, right)."""
    weight = s3_weight(weight_sign, weight_val, weight_shift, weight_shift2)
    return convolve(x, weight, bias, stride, padding, dilation, groups)


@torch.library.custom_op(
    "slipstick::denseshift_conv2d",
    mutates_args=(),
    schema=f"(Tensor x, {_DENSE}, Tensor? bias, {_GEOMETRY}) -> Tensor",
)
def denseshift_conv2d(
    x: Tensor,
    weight_sign: Tensor,
    weight_t: Sequence[Tensor],
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Convolution of (N, C, H, W) by `denseshift_weight`; ``padding`` as in `s3_conv2d`."""
    weight = denseshift_weight(weight_sign, weight_t)
    return convolve(x, weight, bias, stride, padding, dilation, groups)


@s3_conv2d.register_fake
def _(x: Tensor, weight_sign: Tensor, *rest: Any) -> Tensor:
    return x.new_empty(output_shape(x, weight_sign, *rest[4:7]))


@denseshift_conv2d.register_fake
def _(x: Tensor, weight_sign: Tensor, *rest: Any) -> Tensor:
    return x.new_empty(output_shape(x, weight_sign, *rest[2:5]))


def _step(x: Tensor) -> Tensor:
    """1 for positive values, else 0."""
    return (x > 0).to(x.dtype)


def _sign(x: Tensor) -> Tensor:
    """1 for zero and positive values, else -1."""
    return 2 * (x >= 0).to(x.dtype) - 1


def _decision(chosen: Tensor) -> Tensor:
    """1 where ``chosen``, else -1."""
    return 2.0 * chosen - 1


def _check(weight: Tensor, size: Tensor, sizes: Sequence[int]) -> None:
    wrong = ~torch.isin(size, torch.tensor(sizes, dtype=size.dtype))
    if wrong.any():
        allowed = ", ".join(map(str, sizes))
        raise ValueError(
            f"Weights must be in {allowed} with a sign, not {weight[wrong].flatten()[0]:g}"
        )


def _exponents(weight_t: Sequence[Tensor]) -> list[Tensor]:
    """DenseShift's ``t`` from its start, 0, to its end."""
    exponents = [torch.zeros_like(weight_t[0])]
    for parameter in weight_t:
        exponents.append(_step(parameter) * (exponents[-1] + 1))
    return exponents


def _s3_gradients(dw: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of `s3_weight`'s parameters, of ``dw`` of the weights."""
    sign, value, shift, shift2 = parameters
    power = torch.exp2(_step(shift) * (_step(shift2) + 1))
    dt = dw * _sign(sign) * _step(value) * power * math.log(2)
    return [
        dw * _step(value) * power,
        dw * _sign(sign) * power,
        dt * (_step(shift2) + 1),
        dt * _step(shift),
    ]


def _denseshift_gradients(
    dw: Tensor, weight_sign: Tensor, weight_t: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Gradients of `denseshift_weight`'s parameters, as if it were ``sgn(sign) * sqrt(t + 1)``.

    The square root keeps the gradients of large exponents from growing with the weights.
    """
    *before, last = _exponents(weight_t)
    root = torch.sqrt(last + 1)
    dt = dw * _sign(weight_sign) / (2 * root)
    gradients = []
    for exponent, parameter in zip(reversed(before), reversed(weight_t), strict=True):
        gradients.append(dt * (exponent + 1))
        dt = dt * _step(parameter)
    return dw * root, gradients[::-1]


def _remember_s3(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:5])
    ctx.geometry = inputs[6:]


def _remember_denseshift(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight_sign, weight_t, _bias, *ctx.geometry = inputs
    ctx.save_for_backward(x, weight_sign, *weight_t)


def _bias_gradient(wanted: bool, gradient: Tensor) -> Tensor | None:
    return gradient.sum((0, 2, 3)) if wanted else None


def _s3_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, *parameters = ctx.saved_tensors
    wanted = (ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:5]))
    dx, dw = convolve_backward(gradient, x, s3_weight(*parameters), wanted, *ctx.geometry)
    parts = [None] * 4 if dw is None else _s3_gradients(dw, parameters)
    return dx, *parts, _bias_gradient(ctx.needs_input_grad[5], gradient), *([None] * 4)


def _denseshift_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, sign, *weight_t = ctx.saved_tensors
    wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1] or any(ctx.needs_input_grad[2]))
    weight = denseshift_weight(sign, weight_t)
    dx, dw = convolve_backward(gradient, x, weight, wanted, *ctx.geometry)
    none = None, [None] * len(weight_t)
    dsign, dt = none if dw is None else _denseshift_gradients(dw, sign, weight_t)
    return dx, dsign, dt, _bias_gradient(ctx.needs_input_grad[3], gradient), *([None] * 4)


s3_conv2d.register_autograd(_s3_backward, setup_context=_remember_s3)
denseshift_conv2d.register_autograd(_denseshift_backward, setup_context=_remember_denseshift)
