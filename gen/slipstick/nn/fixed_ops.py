"""Custom op of the layer whose weights are never trained: one call when exported."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from slipstick.nn.convolution import convolve, convolve_backward, output_shape
from slipstick.nn.quantisers import half_even

FRACTION_BITS = 15
"""Of an input: the 16 bits of the released code, which clamps to nothing."""

_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"


@torch.library.custom_op(
    "slipstick::fixed_shift_conv2d",
    mutates_args=(),
    schema=f"(Tensor x, Tensor weight, Tensor? bias, {_GEOMETRY}) -> Tensor",
)
def fixed_shift_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Convolution of (N, C, H, W), rounded to `FRACTION_BITS`, by ``weight`` as it is.

    ``padding`` is (top, bottom, left, right). ``weight`` gets no gradient, ``x`` that of the
    convolution: its rounding counts as the identity.
    """
    rounded = half_even(x, FRACTION_BITS)
    return convolve(rounded, weight, bias, stride, padding, dilation, groups)


@fixed_shift_conv2d.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    return x.new_empty(output_shape(x, weight, *rest[:3]))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _bias, *ctx.geometry = inputs
    ctx.save_for_backward(x, weight)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, weight = ctx.saved_tensors
    wanted = (ctx.needs_input_grad[0], False)
    dx, _ = convolve_backward(gradient, x, weight, wanted, *ctx.geometry)
    bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
    return dx, None, bias, *([None] * 4)


fixed_shift_conv2d.register_autograd(_backward, setup_context=_remember)
