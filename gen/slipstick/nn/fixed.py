"""Convolution by powers of two that are drawn once (ShiftAddNet, You et al. 2020)."""

import math

import torch
from torch import nn

from slipstick.nn.arguments import Pair
from slipstick.nn.fixed_ops import fixed_shift_conv2d
from slipstick.nn.layer import Conv2dLayer

LOWEST, HIGHEST = -7, -1
"""Exponents that are drawn: the released code's with its threshold of 5e-3."""


class FixedShiftConv2d(Conv2dLayer):
    """Convolution by frozen signed powers of two, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only. ``weight`` is a buffer
    (O, C/groups, kh, kw) of zeros and powers of two; only ``bias`` is trained. Input is first
    rounded half to even to multiples of ``2^-15``.
    """

    weight: torch.Tensor
    bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: str | int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
        )
        empty = torch.empty(self.weight_shape, device=device, dtype=dtype)
        self.register_buffer("weight", empty)
        size = self.out_channels
        vector = nn.Parameter(torch.empty(size, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", vector)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The released code's random start: exponents equally frequent, half the weights 0."""
        exponent = torch.empty_like(self.weight).uniform_(LOWEST - 0.5, HIGHEST + 0.5)
        sign = torch.empty_like(self.weight).uniform_(-1, 1)
        power = torch.exp2(torch.round(exponent.clamp(LOWEST, HIGHEST)))
        self.weight.copy_(torch.sign(sign) * (sign.abs() > 0.5) * power)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = fixed_shift_conv2d(self.batched(x), self.weight, self.bias, *self.geometry)
        return result[0] if x.ndim == 3 else result

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, bias={self.bias is not None}"
