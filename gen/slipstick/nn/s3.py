"""Convolutions whose weights are decided bit by bit (S3, Li et al. 2021; DenseShift, 2023).

State dicts are those of the released code, in which ``weight_sign`` is also called ``weight``.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from slipstick.nn.arguments import Pair, integer
from slipstick.nn.layer import Conv2dLayer
from slipstick.nn.s3_ops import denseshift_conv2d, denseshift_weight, s3_conv2d, s3_weight

__all__ = ["DenseShiftConv2d", "S3Conv2d", "denseshift_weight", "s3_weight"]


class DecidedParameters(Conv2dLayer):
    """The parameters both layers have: ``weight`` = ``weight_sign``, others, ``bias``."""

    weight: nn.Parameter
    weight_sign: nn.Parameter
    bias: nn.Parameter | None

    def _add_parameters(
        self,
        names: Sequence[str],
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        self.names = ("weight_sign", *names)
        for name in ("weight", *names):
            empty = torch.empty(self.weight_shape, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(empty))
        self.weight_sign = self.weight
        size = self.out_channels
        vector = nn.Parameter(torch.empty(size, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", vector)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The released code's random start: N(0, 2 / (kh * kw * O)), torch's own for the bias."""
        area = math.prod(self.kernel_size)
        for parameter in self.decisions():
            nn.init.normal_(parameter, 0, math.sqrt(2 / (area * self.out_channels)))
        if self.bias is not None:
            bound = 1 / math.sqrt(area * self.weight_shape[1])
            nn.init.uniform_(self.bias, -bound, bound)

    def decisions(self) -> list[nn.Parameter]:
        """The parameters whose signs make the weights, ``weight_sign`` first."""
        return [self.get_parameter(name) for name in self.names]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class S3Conv2d(DecidedParameters):
    """Convolution by 0, +-1, +-2, +-4, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only. The parameters
    ``weight_sign``, ``weight_val``, ``weight_shift``, ``weight_shift2`` (O, C/groups, kh, kw) make
    the weights of `s3_weight`. A BatchNorm that follows gives them their scale.
    """

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
        names = ("weight_val", "weight_shift", "weight_shift2")
        self._add_parameters(names, bias, device, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = s3_conv2d(self.batched(x), *self.decisions(), self.bias, *self.geometry)
        return result[0] if x.ndim == 3 else result

    def penalty(self) -> torch.Tensor:
        """``sum(max(-weight_val, 0))``: 1e-5 of it in the loss brings weights back from zero."""
        return torch.relu(-self.get_parameter("weight_val")).sum()


class DenseShiftConv2d(DecidedParameters):
    """Convolution by signed powers of two, never zero, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only. The parameters
    ``weight_sign`` and ``weight_t1``, ``weight_t2``... (O, C/groups, kh, kw) make the weights of
    `denseshift_weight`.

    Parameters
    ----------
    weight_bits : bits of a weight, sign included: exponents from 0 to ``2^(bits-1) - 1``, of
        which each above 0 has its parameter.
    """

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
        *,
        weight_bits: int = 3,
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
        self.weight_bits = integer("Weight bits", weight_bits, 2)
        names = [f"weight_t{number}" for number in range(1, 2 ** (weight_bits - 1))]
        self._add_parameters(names, bias, device, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sign, *weight_t = self.decisions()
        images = self.batched(x)
        result = denseshift_conv2d(images, sign, weight_t, self.bias, *self.geometry)
        return result[0] if x.ndim == 3 else result

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, weight_bits={self.weight_bits}"
