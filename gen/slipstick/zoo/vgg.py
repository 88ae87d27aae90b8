"""Stacks of 3x3 convolutions and max pools."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import nn

from slipstick.zoo.layers import Convolution, joined

POOL = 0
"""Stands for a max pool in a list of widths."""

WIDTHS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        11: (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512),
        13: (64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512),
        16: (64, 64, 0, 128, 128, 0, *[256] * 3, 0, *[512] * 3, 0, *[512] * 3),
        19: (64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4),
    }
)
"""VGG's configurations A, B, D and E by depth, without the last pool."""


def features(input_channels: int, widths: Sequence[int], convolution: Convolution) -> nn.Sequential:
    """Convolution, BatchNorm and ReLU for each width, a 2x2 max pool for each `POOL`."""
    layers: list[nn.Module] = []
    inputs = input_channels
    for width in widths:
        if width == POOL:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [joined(convolution(inputs, width, 3, 1)), nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)
