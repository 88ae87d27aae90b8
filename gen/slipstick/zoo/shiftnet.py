"""ShiftNet-A, -B and -C (Wu et al., CVPR 2018), which were never released.

Structure and tables of A are those of an independent implementation that agrees with the paper as
far as it is known: convolution-shift-convolution blocks with BatchNorm and ReLU before each 1x1
convolution; the first block of a group halves the image, makes only the channels that are missing,
and puts them before an average pool of its input. Everything else is a parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from slipstick.nn import GroupedShift
from slipstick.zoo.network import Network, Published

IMAGENET = (3, 224, 224)


@dataclass(frozen=True)
class Group:
    """Blocks of one size: the first halves the image and expands by ``first``, others ``rest``."""

    blocks: int
    channels: int
    kernel: int
    first: float
    rest: float


class CscBlock(nn.Module):
    """BatchNorm, ReLU, 1x1, shift, BatchNorm, ReLU, 1x1; added to or put before its input.

    Parameters
    ----------
    stride : 2 makes ``outputs - inputs`` channels and puts them before the pooled input.
    expansion : channels between the convolutions, as a multiple of those the block makes.
    kernel : of the shift.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: float, kernel: int
    ) -> None:
        super().__init__()
        made = outputs if stride == 1 else outputs - inputs
        if made < 1:
            raise ValueError(f"Channels must grow where the image halves, not {inputs}, {outputs}")
        middle = int(made * expansion)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.shift = GroupedShift(middle, kernel)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, made, 1, stride, bias=False)
        self.downsample = None if stride == 1 else nn.AvgPool2d(3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.shift(self.conv1(torch.relu(self.bn1(x))))
        y = self.conv2(torch.relu(self.bn2(y)))
        return x + y if self.downsample is None else torch.cat([y, self.downsample(x)], 1)


class ShiftNet(nn.Module):
    """7x7 stem with stride 2 and no BatchNorm, blocks, BatchNorm, ReLU, average, ``fc``."""

    def __init__(
        self, stem: int, groups: Sequence[Group], classes: int, input_channels: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, stem, 7, 2, 3, bias=False)
        inputs = stem
        self.stages = [f"layer{number}" for number in range(1, len(groups) + 1)]
        for name, group in zip(self.stages, groups, strict=True):
            first = CscBlock(inputs, group.channels, 2, group.first, group.kernel)
            inputs = group.channels
            rest = (
                CscBlock(inputs, inputs, 1, group.rest, group.kernel)
                for _ in range(1, group.blocks)
            )
            self.add_module(name, nn.Sequential(first, *rest))
        self.bn = nn.BatchNorm2d(inputs)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(torch.relu(self.bn(x))).flatten(1))


def _groups(width: int) -> list[Group]:
    """A's and B's table; ``width`` channels in the first group."""
    return [
        Group(5, width, 5, 4, 4),
        Group(6, 2 * width, 5, 4, 3),
        Group(7, 4 * width, 3, 3, 2),
        Group(3, 8 * width, 3, 2, 1),
    ]


def shiftnet_a(classes: int, input_channels: int, *, stem: int = 32) -> nn.Module:
    """ShiftNet-A; only its stem's width and lack of BatchNorm rest on a single source."""
    return ShiftNet(stem, _groups(64), classes, input_channels)


def shiftnet_b(classes: int, input_channels: int, *, stem: int = 16) -> nn.Module:
    """ShiftNet-B: A with half the channels; that the stem is halved as well is our reading."""
    return ShiftNet(stem, _groups(32), classes, input_channels)


def shiftnet_c(
    classes: int, input_channels: int, *, stem: int = 16, expansion: float = 1
) -> nn.Module:
    """ShiftNet-C; neither its stem nor its expansion could be read in any source."""
    channels = ((1, 32), (4, 64), (4, 128), (3, 256))
    groups = [Group(blocks, width, 3, expansion, expansion) for blocks, width in channels]
    return ShiftNet(stem, groups, classes, input_channels)


SURVEY = "surveys of light networks: accuracy, parameters, multiply-adds"

NETWORKS = (
    Network(
        "shiftnet_a",
        "shift",
        IMAGENET,
        shiftnet_a,
        classes=1000,
        published=Published(4.1e6, 1.4e9, {"ImageNet": 70.1}, (SURVEY,)),
        remarks="Not released. The stem's width and its lack of BatchNorm rest on one independent "
        "implementation.",
    ),
    Network(
        "shiftnet_b",
        "shift",
        IMAGENET,
        shiftnet_b,
        classes=1000,
        published=Published(1.1e6, 371e6, {"ImageNet": 61.2}, (SURVEY,)),
        remarks="Not released. A with half the channels; the halved stem is our reading.",
    ),
    Network(
        "shiftnet_c",
        "shift",
        IMAGENET,
        shiftnet_c,
        classes=1000,
        published=Published(0.78e6, None, {"ImageNet": 58.8}, (SURVEY,)),
        remarks="Not released. Expansion and stem are unknown: both are options, 1 and 16 our "
        "choice. Accuracy and parameters could not be verified in a source.",
    ),
)
