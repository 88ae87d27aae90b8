"""Custom op that rounds a tensor to a grid, of images or of weights."""

from typing import Any

import torch
from torch import Tensor

from slipstick.nn.quantisers import half_even


@torch.library.custom_op(
    "slipstick::round_half_even",
    mutates_args=(),
    schema="(Tensor x, int fraction_bits) -> Tensor",
)
def round_half_even(x: Tensor, fraction_bits: int) -> Tensor:
    """Multiples of ``2^-fraction_bits``, of values of any shape; its gradient is the identity."""
    return half_even(x, fraction_bits)


@round_half_even.register_fake
def _(x: Tensor, fraction_bits: int) -> Tensor:
    return x.new_empty(x.shape)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Nothing: the gradient passes straight through."""


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    return gradient.clone(), None


round_half_even.register_autograd(_backward, setup_context=_remember)
