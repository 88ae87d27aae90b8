"""What all layers share: `torch.nn.Conv2d`'s and `Linear`'s arguments, checked."""

from collections.abc import Sequence

import torch
from torch import nn

from slipstick.nn.arguments import Pair, integer, pair, sides


class Conv2dLayer(nn.Module):
    """Geometry of a 2-D convolution with `torch.nn.Conv2d`'s arguments and attributes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair,
        padding: str | int | Pair,
        dilation: int | Pair,
        groups: int,
        padding_mode: str,
    ) -> None:
        super().__init__()
        self.groups = integer("Groups", groups, 1)
        self.in_channels = _divisible("In channels", in_channels, groups)
        self.out_channels = _divisible("Out channels", out_channels, groups)
        self.kernel_size = pair("Kernel size", kernel_size, 1)
        self.stride = pair("Stride", stride, 1)
        self.dilation = pair("Dilation", dilation, 1)
        self.sides = sides(padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else self.sides[::2]
        if padding_mode != "zeros":
            raise ValueError(f"Padding mode must be 'zeros', not {padding_mode!r}")
        self.padding_mode = padding_mode

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """``(O, C/groups, kh, kw)``."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def geometry(self) -> tuple[Sequence[int], Sequence[int], Sequence[int], int]:
        """Stride, (top, bottom, left, right), dilation and groups, as the ops take them."""
        return self.stride, self.sides, self.dilation, self.groups

    def batched(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` as (N, C, H, W); one image (C, H, W) is a batch of one."""
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(
                f"Input must have shape (N, {self.in_channels}, H, W), not {tuple(x.shape)}"
            )
        return x[None] if x.ndim == 3 else x

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding!r}, dilation={self.dilation}, "
            f"groups={self.groups}"
        )


class LinearLayer(nn.Module):
    """Sizes of a linear layer with `torch.nn.Linear`'s arguments and attributes."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = integer("In features", in_features, 1)
        self.out_features = integer("Out features", out_features, 1)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _divisible(name: str, value: int, groups: int) -> int:
    if integer(name, value, 1) % groups:
        raise ValueError(f"{name} must be divisible by groups={groups}, not {value!r}")
    return value
