"""Layers whose weights are sums of powers of two (APoT, Li et al. 2020).

State dicts are those of the released code: ``weight``, ``weight_quant.wgt_alpha``, ``act_alpha``.
"""

import math

import torch
from torch import nn

from slipstick.nn.apot_ops import (
    TERMS,
    apot_activation,
    apot_codes,
    apot_conv2d,
    apot_levels,
    apot_linear,
    apot_weight,
)
from slipstick.nn.arguments import Pair, integer
from slipstick.nn.layer import Conv2dLayer, LinearLayer

__all__ = ["APoTConv2d", "APoTLinear", "apot_codes", "apot_levels", "apot_weight"]

Options = tuple[torch.device | str | None, torch.dtype | None]

MOST_BITS = max(TERMS)
"""Of weights with their sign, and of activations."""


class WeightBound(nn.Module):
    """Holds ``wgt_alpha``, the normalised weight that becomes the largest level."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        device, dtype = options
        self.wgt_alpha = nn.Parameter(torch.tensor(3.0, device=device, dtype=dtype))


class AdditiveParameters(nn.Module):
    """The parameters both layers have, and the rounding of their input."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    act_alpha: nn.Parameter | None
    weight_quant: WeightBound

    def _add_parameters(
        self,
        shape: tuple[int, ...],
        bias: bool,
        options: Options,
        weight_bits: int,
        activation_bits: int | None,
    ) -> None:
        device, dtype = options
        self.weight_bits = _bits("Weight bits", weight_bits)
        self.activation_bits = activation_bits
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        vector = nn.Parameter(torch.empty(shape[0], device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", vector)
        self.weight_quant = WeightBound(options)
        bound = None
        if activation_bits is not None:
            _bits("Activation bits", activation_bits)
            bound = nn.Parameter(torch.tensor(8.0, device=device, dtype=dtype))
        self.register_parameter("act_alpha", bound)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Torch's own random start; the released code's bounds, 3 for weights, 8 for inputs."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        nn.init.constant_(self.weight_quant.wgt_alpha, 3.0)
        if self.act_alpha is not None:
            nn.init.constant_(self.act_alpha, 8.0)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def rounded(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` as levels of ``act_alpha``, if the layer has that."""
        if self.act_alpha is None or self.activation_bits is None:
            return x
        return apot_activation(x, self.act_alpha, self.activation_bits)

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, bias={self.bias is not None}, "
            f"weight_bits={self.weight_bits}, activation_bits={self.activation_bits}"
        )


class APoTConv2d(AdditiveParameters, Conv2dLayer):
    """Convolution by sums of two powers of two, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only.

    Parameters
    ----------
    weight_bits : bits of a weight, sign included, 2 to 5 (see `apot_weight`).
    activation_bits : if given, 2 to 5, the input is first rounded to levels between 0 and the
        trained ``act_alpha``: another op.
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
        weight_bits: int = 4,
        activation_bits: int | None = None,
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
        options = (device, dtype)
        self._add_parameters(self.weight_shape, bias, options, weight_bits, activation_bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = self.rounded(self.batched(x))
        weights = self.weight, self.weight_quant.wgt_alpha
        result = apot_conv2d(images, *weights, self.bias, *self.geometry, self.weight_bits)
        return result[0] if x.ndim == 3 else result


class APoTLinear(AdditiveParameters, LinearLayer):
    """Linear layer of sums of two powers of two, (..., I) to (..., O).

    Arguments as `torch.nn.Linear`, and those of `APoTConv2d`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        weight_bits: int = 4,
        activation_bits: int | None = None,
    ) -> None:
        LinearLayer.__init__(self, in_features, out_features)
        shape = (out_features, in_features)
        self._add_parameters(shape, bias, (device, dtype), weight_bits, activation_bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.weight, self.weight_quant.wgt_alpha
        return apot_linear(self.rounded(x), *weights, self.bias, self.weight_bits)


def _bits(name: str, value: int) -> int:
    if integer(name, value, 2) > MOST_BITS:
        raise ValueError(f"{name} must be at most {MOST_BITS}, not {value!r}")
    return value
