"""Layers of negative L1 distances (AdderNet, Chen et al. 2020)."""

from typing import Any

import torch
from torch import nn

from slipstick.nn.adder_ops import adder_conv2d, adder_linear
from slipstick.nn.arguments import Pair, integer
from slipstick.nn.grid_ops import round_half_even
from slipstick.nn.layer import Conv2dLayer, LinearLayer


class AdderParameters(nn.Module):
    """The parameters both adder layers have, ``adder`` and ``bias``, and their common grid."""

    adder: nn.Parameter
    bias: nn.Parameter | None
    grid_bits: int | None

    def _add_parameters(
        self,
        shape: tuple[int, ...],
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        grid_bits: int | None,
    ) -> None:
        self.grid_bits = None if grid_bits is None else integer("Grid bits", grid_bits, 2)
        self.adder = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        vector = nn.Parameter(torch.empty(shape[0], device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", vector)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """AdderNet's random start: weights N(0, 1), bias U(0, 1)."""
        nn.init.normal_(self.adder)
        if self.bias is not None:
            nn.init.uniform_(self.bias)

    def on_grid(self, values: torch.Tensor) -> torch.Tensor:
        """Inputs or weights as multiples of ``2^(1 - grid_bits)``, if the layer has a grid."""
        if self.grid_bits is None:
            return values
        return round_half_even(values, self.grid_bits - 1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Accepts ``b``, the bias's name in AdderNet's released code."""
        if prefix + "b" in state_dict:
            state_dict[prefix + "bias"] = state_dict.pop(prefix + "b")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        grid = "" if self.grid_bits is None else f", grid_bits={self.grid_bits}"
        return f"{super().extra_repr()}, bias={self.bias is not None}{grid}"


class AdderConv2d(AdderParameters, Conv2dLayer):
    """``-sum |x - w|`` over each window, (N, C, H, W) to (N, O, Ho, Wo).

    Arguments as `torch.nn.Conv2d`, with ``padding_mode`` "zeros" only. A padded tap counts
    ``-|w|``. The gradients are AdderNet's (see `slipstick.nn.adder_ops`).

    Parameters
    ----------
    grid_bits : ShiftAddNet's formats, 8 for FIX8, 16 for FIX16: inputs and weights are rounded
        half to even to multiples of ``2^(1 - grid_bits)``, without bounds, and their gradients
        pass straight through. The quantisers of gradients that its code adds are left out.
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
        grid_bits: int | None = None,
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
        self._add_parameters(self.weight_shape, bias, device, dtype, grid_bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images, adder = self.on_grid(self.batched(x)), self.on_grid(self.adder)
        result = adder_conv2d(images, adder, self.bias, *self.geometry)
        return result[0] if x.ndim == 3 else result


class AdderLinear(AdderParameters, LinearLayer):
    """``-sum |x - w|``, (..., I) to (..., O).

    Arguments as `torch.nn.Linear`, and ``grid_bits`` as `AdderConv2d`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        grid_bits: int | None = None,
    ) -> None:
        LinearLayer.__init__(self, in_features, out_features)
        self._add_parameters((out_features, in_features), bias, device, dtype, grid_bits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return adder_linear(self.on_grid(x), self.on_grid(self.adder), self.bias)
