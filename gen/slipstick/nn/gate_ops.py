"""The custom op of the power-of-two gate: one call in an exported program."""

import functools
import math
from typing import Any

import torch
from torch import Tensor

MOST_LEVELS = 16
"""Gates there may be: the least of them, 2^-15, is below the last bit of any activation."""


@functools.cache
def gate_limits(levels: int) -> tuple[float, ...]:
    """The logits below which the gate is 1/2, 1/4, ... 2^-(levels - 1), falling.

    ``sigmoid(z)`` meets ``2^-(j + 1/2)``, where ``-log2`` of it is rounded from ``j`` to ``j + 1``,
    at ``z = -ln(2^(j + 1/2) - 1)``. Layer, quantiser and circuit all compare with these float64
    numbers and take no logarithm, so that they agree by definition.
    """
    return tuple(-math.log(2.0 ** (j + 0.5) - 1) for j in range(levels - 1))


@torch.library.custom_op(
    "slipstick::power_of_two_gate",
    mutates_args=(),
    schema="(Tensor x, Tensor z, int levels) -> Tensor",
)
def power_of_two_gate(x: Tensor, z: Tensor, levels: int) -> Tensor:
    """``x * 2^-k``, ``k`` the number of `gate_limits` above ``z``: (N, C, H, W) and (N, C).

    ``2^-k`` is ``sigmoid(z)`` rounded to a power of two, at least ``2^-(levels - 1)``.
    """
    _check(x, z, levels)
    return x * _gate(z, levels)[:, :, None, None].to(x.dtype)


@torch.library.custom_op(
    "slipstick::power_of_two_gate_backward",
    mutates_args=(),
    schema="(Tensor gradient, Tensor x, Tensor z, int levels) -> (Tensor, Tensor)",
)
def power_of_two_gate_backward(
    gradient: Tensor, x: Tensor, z: Tensor, levels: int
) -> tuple[Tensor, Tensor]:
    """The gate for ``x``; for ``z`` that of ``x * sigmoid(z)``, straight through the rounding."""
    smooth = torch.sigmoid(z)
    dz = (gradient * x).sum((2, 3)).to(z.dtype) * smooth * (1 - smooth)
    return gradient * _gate(z, levels)[:, :, None, None].to(gradient.dtype), dz


@power_of_two_gate.register_fake
def _(x: Tensor, z: Tensor, levels: int) -> Tensor:
    _check(x, z, levels)
    return x.new_empty(x.shape)


@power_of_two_gate_backward.register_fake
def _(gradient: Tensor, x: Tensor, z: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), z.new_empty(z.shape)


def _gate(z: Tensor, levels: int) -> Tensor:
    """The gates of logits ``z``, float64 in the same shape."""
    limits = torch.tensor(gate_limits(levels), dtype=torch.float64, device=z.device)
    return torch.exp2(-(z[..., None].double() < limits).sum(-1).double())


def _check(x: Tensor, z: Tensor, levels: int) -> None:
    if not 2 <= levels <= MOST_LEVELS:
        raise ValueError(f"Levels must be in 2 to {MOST_LEVELS}, not {levels!r}")
    if x.ndim != 4:
        raise ValueError(f"Input must have shape (N, C, H, W), not {tuple(x.shape)}")
    if z.shape != x.shape[:2]:
        raise ValueError(f"Logits must have shape {tuple(x.shape[:2])}, not {tuple(z.shape)}")


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, z, ctx.levels = inputs
    ctx.save_for_backward(x, z)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return *power_of_two_gate_backward(gradient, *ctx.saved_tensors, ctx.levels), None


power_of_two_gate.register_autograd(_gradients, setup_context=_remember)
