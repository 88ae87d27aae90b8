"""ShiftAddNet's networks (You et al., NeurIPS 2020).

Keys are those of GATECH-EIC/ShiftAddNet at 654a632 after its conversion to DeepShift-PS: each
convolution is a shift layer ``0`` and an adder layer ``1`` of the same kernel without BatchNorm
between them; the stem ``conv1`` and the classifier ``fc`` are shift layers only. With
``fixed=True`` the shift layers are those of the files ``*_shiftadd_se.py``, whose ``weight`` is
drawn once and not trained.
"""

import functools
from collections.abc import Callable

import torch
from torch import nn

from slipstick.nn import AdderConv2d, FixedShiftConv2d, ShiftConv2d
from slipstick.zoo.layers import Convolution
from slipstick.zoo.network import Network, Published
from slipstick.zoo.residual import BasicBlock, ResNet
from slipstick.zoo.vgg import POOL, WIDTHS, features

CODE = "GATECH-EIC/ShiftAddNet@654a632"

Kernel = int | tuple[int, int]
Shift = Callable[[int, int, Kernel, int, int], nn.Module]
"""``(inputs, outputs, kernel, stride, padding)`` to a shift layer without bias."""


def shifts(fixed: bool, weight_bits: int) -> Shift:
    """Makes layers of fixed shifts, or DeepShift-PS's of ``weight_bits``."""
    return fixed_shift if fixed else functools.partial(trained_shift, weight_bits=weight_bits)


def fixed_shift(
    inputs: int, outputs: int, kernel: Kernel, stride: int, padding: int
) -> FixedShiftConv2d:
    """A layer whose powers of two are drawn once."""
    return FixedShiftConv2d(inputs, outputs, kernel, stride, padding, bias=False)


def trained_shift(
    inputs: int, outputs: int, kernel: Kernel, stride: int, padding: int, weight_bits: int
) -> ShiftConv2d:
    """A DeepShift-PS layer, as upstream converts to by default."""
    return ShiftConv2d(
        inputs, outputs, kernel, stride, padding, bias=False, weight_bits=weight_bits, method="ps"
    )


def shift_add(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int,
    *,
    shift: Shift,
    grid_bits: int | None = None,
) -> list[nn.Module]:
    """A strided shift layer, then an adder layer of the same kernel at stride 1."""
    padding = kernel // 2
    adder = AdderConv2d(outputs, outputs, kernel, padding=padding, bias=False, grid_bits=grid_bits)
    return [shift(inputs, outputs, kernel, stride, padding), adder]


def resnet20(
    classes: int,
    input_channels: int,
    *,
    weight_bits: int = 5,
    fixed: bool = False,
    grid_bits: int | None = None,
) -> nn.Module:
    """ResNet-20 for 32x32 images.

    ``weight_bits`` means nothing to ``fixed`` shifts; ``grid_bits`` is the adders': 8 for FIX8.
    """
    shift = shifts(fixed, weight_bits)
    stem = shift(input_channels, 16, 3, 1, 1)
    convolution = functools.partial(shift_add, shift=shift, grid_bits=grid_bits)
    classifier = shift(64, classes, 1, 1, 0)
    return ResNet(stem, None, convolution, BasicBlock, (16, 32, 64), (3, 3, 3), classifier, classes)


class Vgg19Small(nn.Module):
    """VGG-19 with a classifier of two linear layers, which multiply, as upstream."""

    def __init__(self, convolution: Convolution, classes: int, input_channels: int) -> None:
        super().__init__()
        self.features = features(input_channels, (*WIDTHS[19], POOL), convolution)
        self.classifier = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))


def vgg19_small(
    classes: int, input_channels: int, *, weight_bits: int = 5, fixed: bool = False
) -> nn.Module:
    """VGG-19-small for 32x32 images; ``weight_bits`` means nothing to ``fixed`` shifts."""
    convolution = functools.partial(shift_add, shift=shifts(fixed, weight_bits))
    return Vgg19Small(convolution, classes, input_channels)


class IotNet(nn.Module):
    """Two shift-add layers and a classifier for images made of wearable sensors' signals.

    An adder has a 1x1 kernel here. ``fc2`` is a BatchNorm, as upstream.

    Parameters
    ----------
    kernels : of the two shift layers.
    values : what the second pool leaves, which decides the size of the input.
    adds_last : whether an adder follows the classifier's shift layer.
    shift : makes shift layers.
    """

    def __init__(
        self,
        kernels: tuple[tuple[int, int], tuple[int, int]],
        values: int,
        adds_last: bool,
        classes: int,
        input_channels: int,
        shift: Shift,
    ) -> None:
        super().__init__()
        self.conv1 = _shift_then_1x1(shift, input_channels, 5, kernels[0])
        self.bn1 = nn.BatchNorm2d(5)
        self.pool1 = nn.MaxPool2d(4)
        self.conv2 = _shift_then_1x1(shift, 5, 10, kernels[1])
        self.bn2 = nn.BatchNorm2d(10)
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = shift(values, classes, 1, 1, 0)
        if adds_last:
            self.fc1 = _shift_then_1x1(shift, values, classes, (1, 1))
        self.fc2 = nn.BatchNorm2d(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool2(torch.relu(self.bn2(self.conv2(x))))
        return self.fc2(self.fc1(x.flatten(1).unsqueeze(2).unsqueeze(3))).flatten(1)


def _shift_then_1x1(
    shift: Shift, inputs: int, outputs: int, kernel: tuple[int, int]
) -> nn.Sequential:
    layer = shift(inputs, outputs, kernel, 1, 0)
    return nn.Sequential(layer, AdderConv2d(outputs, outputs, 1, bias=False))


def uschad(
    classes: int, input_channels: int, *, weight_bits: int = 5, fixed: bool = False
) -> nn.Module:
    """The network for USC-HAD's images of 500 instants and 14 signals.

    ``weight_bits`` means nothing to ``fixed`` shifts.
    """
    shift = shifts(fixed, weight_bits)
    return IotNet(((12, 5), (5, 1)), 590, False, classes, input_channels, shift)


def mhealth(
    classes: int, input_channels: int, *, weight_bits: int = 5, fixed: bool = False
) -> nn.Module:
    """The network for MHEALTH's images of 250 instants and 254 signals.

    ``weight_bits`` means nothing to ``fixed`` shifts, with which the last adder is missing, as
    upstream.
    """
    shift = shifts(fixed, weight_bits)
    return IotNet(((5, 5), (5, 5)), 8120, not fixed, classes, input_channels, shift)


IOT_SHAPE = (
    "The size of the input is stated nowhere: the width is what upstream's activity_image makes of "
    "{signals} signals; with it and {instants} instants the classifier has its {values} inputs."
)

NETWORKS = (
    Network(
        "shiftaddnet_resnet20",
        "shiftaddnet",
        (3, 32, 32),
        resnet20,
        published=Published(
            accuracy={"CIFAR-10 after 160 epochs": 89.32},
            sources=(
                f"{CODE} models/resnet20_shiftadd.py, with fixed=True resnet20_shiftadd_se.py",
                "README of huawei-noah/AdderNet",
            ),
        ),
    ),
    Network(
        "shiftaddnet_vgg19_small",
        "shiftaddnet",
        (3, 32, 32),
        vgg19_small,
        published=Published(
            sources=(f"{CODE} models/vgg_shiftadd.py, with fixed=True vgg_shiftadd_se.py",)
        ),
    ),
    Network(
        "shiftaddnet_iot_uschad",
        "shiftaddnet",
        (1, 500, 14),
        uschad,
        classes=12,
        published=Published(
            sources=(
                f"{CODE} IoT/USCHAD/models/CNN_shiftadd.py, with fixed=True CNN_shiftadd_se.py",
            )
        ),
        remarks=IOT_SHAPE.format(signals=6, instants=500, values=590),
    ),
    Network(
        "shiftaddnet_iot_mhealth",
        "shiftaddnet",
        (1, 250, 254),
        mhealth,
        classes=12,
        published=Published(
            sources=(
                f"{CODE} IoT/MHEALTH/models/CNN_shiftadd.py, with fixed=True CNN_shiftadd_se.py",
            )
        ),
        remarks=IOT_SHAPE.format(signals=23, instants=250, values=8120),
    ),
)
