"""Layers whose weights are signed powers of two (DeepShift, Elhoushi et al. 2021)."""

import math

import torch
from torch import nn

from slipstick.nn.arguments import Pair, integer
from slipstick.nn.layer import Conv2dLayer, LinearLayer
from slipstick.nn.quantisers import clamp_weight_q, lowest_exponent
from slipstick.nn.shift_ops import shift_conv2d, shift_conv2d_ps, shift_linear, shift_linear_ps

Options = tuple[torch.device | str | None, torch.dtype | None]


class ShiftParameters(nn.Module):
    """The parameters both shift layers have.

    ``method="q"`` keeps one real ``weight``; ``method="ps"`` keeps ``shift`` and ``sign``.
    """

    method: str
    bias: nn.Parameter | None

    def _add_parameters(
        self, shape: tuple[int, ...], bias: bool, options: Options, method: str, *bits: int
    ) -> None:
        device, dtype = options
        if method not in ("q", "ps"):
            raise ValueError(f"Method must be 'q' or 'ps', not {method!r}")
        self.method = method
        self.weight_bits = integer("Weight bits", bits[0], 2)
        self.activation_integer_bits = integer("Activation integer bits", bits[1], 2)
        self.activation_fraction_bits = integer("Activation fraction bits", bits[2], 0)
        for name in ["weight"] if method == "q" else ["shift", "sign"]:
            empty = torch.empty(shape, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(empty))
        vector = nn.Parameter(torch.empty(shape[0], device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", vector)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Random start: torch's own for Q, DeepShift's for PS."""
        first = self.weights()[0]
        fan_in = first[0].numel()
        if self.method == "q":
            nn.init.kaiming_uniform_(first, a=math.sqrt(5))
        else:
            nn.init.uniform_(first, -10, -1)
            nn.init.uniform_(self.weights()[1], -1, 1)
            self._keep_in_range()
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def weights(self) -> list[nn.Parameter]:
        """``[weight]`` or ``[shift, sign]``."""
        names = ["weight"] if self.method == "q" else ["shift", "sign"]
        return [self.get_parameter(name) for name in names]

    @property
    def bits(self) -> tuple[int, int, int]:
        """Weight, integer and fraction bits, as the ops take them."""
        return self.weight_bits, self.activation_integer_bits, self.activation_fraction_bits

    def _keep_in_range(self) -> None:
        """Clamps the trained parameters to what the weight bits can hold, as DeepShift does.

        Otherwise the straight-through gradient would drive them ever further out of range.
        """
        first = self.weights()[0].data
        if self.method == "q":
            first.copy_(clamp_weight_q(first, self.weight_bits))
        else:
            first.clamp_(lowest_exponent(self.weight_bits, "ps"), 0)

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, bias={self.bias is not None}, "
            f"weight_bits={self.weight_bits}, method={self.method!r}"
        )


class ShiftConv2d(ShiftParameters, Conv2dLayer):
    """Convolution by signed powers of two, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only. Input and bias are first
    rounded to fixed point.

    Parameters
    ----------
    weight_bits : bits of a weight, sign included: exponents from ``-(2^(bits-1) - 1)`` to 0.
    method : "q" rounds a real ``weight``; "ps" trains ``shift`` and ``sign``.
    activation_integer_bits, activation_fraction_bits : inputs are floored to multiples of
        ``2^-fraction`` and clamped to ``[-2^(integer-1), 2^(integer-1) - 1]``.
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
        weight_bits: int = 5,
        method: str = "q",
        activation_integer_bits: int = 16,
        activation_fraction_bits: int = 16,
    ) -> None:
        Conv2dLayer.__init__(
            self,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
        )
        bits = (weight_bits, activation_integer_bits, activation_fraction_bits)
        self._add_parameters(self.weight_shape, bias, (device, dtype), method, *bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self._keep_in_range()
        op = shift_conv2d if self.method == "q" else shift_conv2d_ps
        result = op(self.batched(x), *self.weights(), self.bias, *self.geometry, *self.bits)
        return result[0] if x.ndim == 3 else result


class ShiftLinear(ShiftParameters, LinearLayer):
    """Linear layer of signed powers of two, (..., I) to (..., O).

    Arguments as `torch.nn.Linear`, and those of `ShiftConv2d`. As in the released code, "q" rounds
    only its input to fixed point and "ps" rounds nothing.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        weight_bits: int = 5,
        method: str = "q",
        activation_integer_bits: int = 16,
        activation_fraction_bits: int = 16,
    ) -> None:
        LinearLayer.__init__(self, in_features, out_features)
        bits = (weight_bits, activation_integer_bits, activation_fraction_bits)
        shape = (out_features, in_features)
        self._add_parameters(shape, bias, (device, dtype), method, *bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self._keep_in_range()
        op = shift_linear if self.method == "q" else shift_linear_ps
        return op(x, *self.weights(), self.bias, *self.bits)
