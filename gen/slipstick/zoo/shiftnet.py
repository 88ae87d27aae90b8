"""Shift's networks by its paper's rule, and ShiftNet-A, -B and -C (Wu et al., CVPR 2018).

BatchNorm and ReLU stand before each 1x1 convolution. A CSC module is convolution, shift,
convolution; SC2 shifts before the first convolution as well. The module is added to its input, or,
where the image halves, makes only the channels that are missing and puts them before an average
pool of its input.

ShiftNets were never released. Structure and tables of A are those of an independent implementation
that agrees with the paper as far as it is known. Everything else is a parameter.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from slipstick.nn import GroupedShift
from slipstick.zoo.network import Network, Published

IMAGENET = (3, 224, 224)


@dataclass(frozen=True)
class Group:
    """Blocks of one size: the first has ``stride`` and expands by ``first``, others ``rest``."""

    blocks: int
    channels: int
    kernel: int
    first: float
    rest: float
    stride: int = 2


class ShiftModule(nn.Module):
    """[Shift,] BatchNorm, ReLU, 1x1, shift, BatchNorm, ReLU, 1x1; joined with its input.

    Parameters
    ----------
    stride : 2 makes ``outputs - inputs`` channels and puts them before the pooled input.
    expansion : channels between the convolutions, as a multiple of those the block makes.
    kernel, dilation, order : of the shifts, as `GroupedShift` takes them.
    sc2 : shifts the input too.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: float,
        kernel: int,
        *,
        dilation: int = 1,
        order: str = "interleaved",
        sc2: bool = False,
    ) -> None:
        super().__init__()
        made = outputs if stride == 1 else outputs - inputs
        if made < 1:
            raise ValueError(f"Channels must grow where the image halves, not {inputs}, {outputs}")
        middle = int(made * expansion)
        self.shift1 = GroupedShift(inputs, kernel, dilation, order) if sc2 else nn.Identity()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.shift2 = GroupedShift(middle, kernel, dilation, order)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, made, 1, stride, bias=False)
        self.downsample = None if stride == 1 else nn.AvgPool2d(3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(torch.relu(self.bn1(self.shift1(x))))
        y = self.conv2(torch.relu(self.bn2(self.shift2(y))))
        return x + y if self.downsample is None else torch.cat([y, self.downsample(x)], 1)


class ShiftNet(nn.Module):
    """``stem`` without BatchNorm, modules, BatchNorm, ReLU, average, ``fc``.

    Parameters
    ----------
    module : makes a module of inputs, outputs, stride, expansion and kernel.
    """

    def __init__(
        self,
        stem: nn.Conv2d,
        groups: Sequence[Group],
        module: Callable[[int, int, int, float, int], nn.Module],
        classes: int,
    ) -> None:
        super().__init__()
        self.conv1 = stem
        inputs = stem.out_channels
        self.stages = [f"layer{number}" for number in range(1, len(groups) + 1)]
        for name, group in zip(self.stages, groups, strict=True):
            first = module(inputs, group.channels, group.stride, group.first, group.kernel)
            inputs = group.channels
            rest = (
                module(inputs, inputs, 1, group.rest, group.kernel) for _ in range(1, group.blocks)
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


def _groups(width: int, kernels: Sequence[int]) -> list[Group]:
    """A's and B's table; ``width`` channels in the first group."""
    table = ((5, 4, 4), (6, 4, 3), (7, 3, 2), (3, 2, 1))
    return [
        Group(blocks, width << number, kernel, first, rest)
        for number, ((blocks, first, rest), kernel) in enumerate(zip(table, kernels, strict=True))
    ]


def _stem(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 7, 2, 3, bias=False)


def shiftnet_a(
    classes: int,
    input_channels: int,
    *,
    stem: int = 32,
    kernels: Sequence[int] = (5, 5, 3, 3),
    dilation: int = 1,
    order: str = "interleaved",
    sc2: bool = False,
) -> nn.Module:
    """ShiftNet-A; only its stem's width and lack of BatchNorm rest on a single source.

    ``kernels`` are those of the four groups; the last four options are those of `ShiftModule`.
    """
    module = functools.partial(ShiftModule, dilation=dilation, order=order, sc2=sc2)
    return ShiftNet(_stem(input_channels, stem), _groups(64, kernels), module, classes)


def shiftnet_b(
    classes: int,
    input_channels: int,
    *,
    stem: int = 16,
    kernels: Sequence[int] = (5, 5, 3, 3),
    dilation: int = 1,
    order: str = "interleaved",
    sc2: bool = False,
) -> nn.Module:
    """ShiftNet-B: A with half the channels; that the stem is halved as well is our reading."""
    module = functools.partial(ShiftModule, dilation=dilation, order=order, sc2=sc2)
    return ShiftNet(_stem(input_channels, stem), _groups(32, kernels), module, classes)


def shiftnet_c(
    classes: int,
    input_channels: int,
    *,
    stem: int = 16,
    expansion: float = 1,
    kernels: Sequence[int] = (3, 3, 3, 3),
    dilation: int = 1,
    order: str = "interleaved",
    sc2: bool = False,
) -> nn.Module:
    """ShiftNet-C; neither its stem nor its expansion could be read in any source."""
    module = functools.partial(ShiftModule, dilation=dilation, order=order, sc2=sc2)
    table = ((1, 32), (4, 64), (4, 128), (3, 256))
    groups = [
        Group(blocks, width, kernel, expansion, expansion)
        for (blocks, width), kernel in zip(table, kernels, strict=True)
    ]
    return ShiftNet(_stem(input_channels, stem), groups, module, classes)


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
