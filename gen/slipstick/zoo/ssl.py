"""Networks of sparse shift layers (Chen et al., CVPR 2019); no official code exists.

ShiftResNet-SSL is ShiftResNet with its fixed shift replaced by a trained one. FE-Net's table of
widths is not public: the default is MobileNetV2's, whose published size is close to FE-Net's.
FE-Net's optional squeeze-and-excitation gate scales each channel by a number that depends on the
image. Here it is rounded to a power of two, so that it shifts: `gate=True` adds it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from slipstick.nn import GatedExcitation, SparseShift
from slipstick.zoo.cifar import CifarResNet
from slipstick.zoo.network import Network, Published
from slipstick.zoo.shiftresnet import BLOCKS, ShiftBlock


def _shiftresnet(depth: int) -> Callable[..., nn.Module]:
    def build(
        classes: int,
        input_channels: int,
        *,
        expansion: float = 3,
        relu_after_add: bool = False,
    ) -> nn.Module:
        block = functools.partial(
            ShiftBlock, expansion=expansion, shift=SparseShift, relu_after_add=relu_after_add
        )
        return CifarResNet(block, [BLOCKS[depth]] * 3, classes, input_channels)

    return build


class FeUnit(nn.Module):
    """1x1 expansion, sparse shift, strided 1x1 without ReLU; added to its input if ``residual``.

    With ``gate`` the shifted channels are gated before the second 1x1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: float,
        residual: bool,
        gate: bool = False,
    ) -> None:
        super().__init__()
        middle = int(inputs * expansion)
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.shift = SparseShift(middle)
        self.gate = GatedExcitation(middle) if gate else nn.Identity()
        self.conv2 = nn.Conv2d(middle, outputs, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(self.gate(self.shift(y))))
        return x + y if self.residual else y


class FeBlock(nn.Module):
    """Units of which each computes a larger share of the channels and passes on the rest.

    Unit ``i`` of ``n`` computes the first ``i / n`` of the channels, with a residual; the last
    computes all of them, with ``stride`` and without residual. That the shares grow evenly is our
    choice.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        units: int,
        stride: int,
        expansion: float,
        gate: bool = False,
    ) -> None:
        super().__init__()
        self.shares = [max(1, inputs * number // units) for number in range(1, units)]
        self.units = nn.Sequential(
            *(FeUnit(share, share, 1, expansion, True, gate) for share in self.shares),
            FeUnit(inputs, outputs, stride, expansion, False, gate),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for share, unit in zip(self.shares, self.units, strict=False):
            x = torch.cat([unit(x[:, :share]), x[:, share:]], 1)
        return self.units[-1](x)


class Row(NamedTuple):
    """One FE-block of the table."""

    expansion: float
    channels: int
    units: int
    stride: int


MOBILENET_V2 = (
    Row(1, 16, 1, 1),
    Row(6, 24, 2, 2),
    Row(6, 32, 3, 2),
    Row(6, 64, 4, 2),
    Row(6, 96, 3, 1),
    Row(6, 160, 3, 2),
    Row(6, 320, 1, 1),
)
"""MobileNetV2's table, in place of FE-Net's."""


class FeNet(nn.Module):
    """3x3 stem with stride 2, FE-blocks, 1x1 ``head``, average, ``linear``."""

    def __init__(
        self,
        rows: Sequence[Row],
        stem: int,
        head: int,
        classes: int,
        input_channels: int,
        gate: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.blocks = nn.Sequential()
        inputs = stem
        for row in rows:
            block = FeBlock(inputs, row.channels, row.units, row.stride, row.expansion, gate)
            self.blocks.append(block)
            inputs = row.channels
        self.head = nn.Conv2d(inputs, head, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(head)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(head, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(torch.relu(self.bn1(self.conv1(x))))
        x = torch.relu(self.bn2(self.head(x)))
        return self.linear(self.avgpool(x).flatten(1))


def fenet(
    classes: int,
    input_channels: int,
    *,
    width: float = 1.0,
    rows: Sequence[Row] = MOBILENET_V2,
    stem: int = 32,
    head: int = 1280,
    gate: bool = False,
) -> nn.Module:
    """FE-Net; ``width`` multiplies all channels of ``rows`` and the stem.

    ``gate`` adds squeeze and excitation by powers of two to every unit.
    """
    scaled = [Row(*row)._replace(channels=int(Row(*row).channels * width)) for row in rows]
    return FeNet(scaled, int(stem * width), head, classes, input_channels, gate)


CIFAR = (3, 32, 32)
EXPANSION = (
    "No code was released. The published expansion is unknown: 3 is that for which the 96 channels "
    "of the paper's example occur in the second stage."
)

NETWORKS = (
    Network(
        "shiftresnet_ssl20",
        "ssl",
        CIFAR,
        _shiftresnet(20),
        published=Published(
            accuracy={"CIFAR-10": 91.97},
            sources=("a user's reproduction, DeadAt0m/ActiveSparseShifts-PyTorch",),
        ),
        remarks=EXPANSION,
    ),
    Network("shiftresnet_ssl56", "ssl", CIFAR, _shiftresnet(56), remarks=EXPANSION),
    Network(
        "fenet",
        "ssl",
        (3, 224, 224),
        fenet,
        classes=1000,
        published=Published(
            3.7e6, 301e6, {"ImageNet": 72.9}, ("a survey's list of light networks",)
        ),
        remarks="The table of widths is not public: rows, stem and head are options, and "
        "MobileNetV2's table the default. The optional gate (gate=True) is rounded to powers "
        "of two, where the paper's multiplies.",
    ),
)
