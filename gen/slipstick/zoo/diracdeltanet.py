"""DiracDeltaNet (Yang et al., FPGA 2019), the network of Synetgy, as it is before quantisation.

Names and keys are those of ``models/diracdeltanet.py`` of Yang-YiFan/DiracDeltaNet at 3648754:
1x1 convolutions, 2x2 max pools, shifts of channels in five directions, concatenation, and a
rotation of the channels by a quarter.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import FiveDirectionShift, QuarterRotate
from slipstick.zoo.layers import plain
from slipstick.zoo.network import Network, Published

BLOCKS = (4, 8, 4)


class Shift3x3(FiveDirectionShift):
    """Five directions, which ``kernel`` (C, 1, 3, 3) keeps as upstream's depthwise convolution."""

    kernel: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        kernel = torch.zeros(channels, 1, 3, 3)
        for channel, (row, column) in enumerate(zip(self.dy, self.dx, strict=True)):
            kernel[channel, 0, 1 + row, 1 + column] = 1
        self.register_buffer("kernel", kernel)


class ClippedActivation(nn.Module):
    """``clamp(x, 0, a) * scale / a`` with the trained bound ``a = |scale_coef|``.

    Parameters
    ----------
    bound : that ``scale_coef`` starts from.
    scale : the largest output.
    """

    zeros: torch.Tensor
    ones: torch.Tensor

    def __init__(self, channels: int, bound: float = 2.0, scale: float = 2.0) -> None:
        super().__init__()
        self.scale = scale
        self.scale_coef = nn.Parameter(torch.full((1,), bound))
        # A normalisation that only scales, which a compile folds into the one before it.
        self.register_buffer("zeros", torch.zeros(channels), persistent=False)
        self.register_buffer("ones", torch.ones(channels), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factor = self.ones * (self.scale / self.scale_coef.abs())
        x = F.batch_norm(x, self.zeros, self.ones, factor, None, training=False, eps=0.0)
        return x.clamp(0.0, self.scale)


class DiracDeltaBlock(nn.Module):
    """``shortcut`` of one part of the channels beside 1x1, shift, 1x1 of the other, rotated.

    Parameters
    ----------
    halves_image : pools both parts; then both are all channels, and the shortcut is a
        convolution. Otherwise they are the two halves, the first of which passes.
    first : the parts are the two halves nevertheless.
    expansion : channels between the convolutions, as a multiple of half the outputs.
    """

    def __init__(
        self, inputs: int, outputs: int, halves_image: bool, first: bool, expansion: float
    ) -> None:
        super().__init__()
        self.splits = first or not halves_image
        self.halves_image = halves_image
        read, made = inputs // 2 if self.splits else inputs, outputs // 2
        middle = int(made * expansion)
        self.conv1 = nn.Conv2d(read, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.shift2 = Shift3x3(middle)
        self.conv3 = nn.Conv2d(middle, made, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(made)
        self.quant_act1 = ClippedActivation(middle)
        self.quant_act2 = ClippedActivation(made)
        self.shortcut = nn.Sequential()
        if halves_image:
            self.shortcut = nn.Sequential(*plain(read, made, 1, 1), nn.BatchNorm2d(made))
        self.rotate = QuarterRotate(2 * made)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = x.shape[1] // 2
        passed, other = (x[:, :half], x[:, half:]) if self.splits else (x, x)
        other = self.quant_act1(torch.relu(self.bn1(self.conv1(other))))
        if self.halves_image:
            passed, other = F.max_pool2d(passed, 2), F.max_pool2d(other, 2)
            passed = self.quant_act2(torch.relu(self.shortcut(passed)))
        other = self.quant_act2(torch.relu(self.bn3(self.conv3(self.shift2(other)))))
        return self.rotate(torch.cat([passed, other], 1))


class DiracDeltaNet(nn.Module):
    """Two 1x1 layers with pools and shifts, three stages, ``conv3``, average, ``linear``."""

    def __init__(self, width: int, expansion: float, classes: int, input_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, 32, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.quant_act1 = ClippedActivation(32, 6.0, 6.0)
        self.shift1 = Shift3x3(32)
        self.conv2 = nn.Conv2d(32, 64, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.quant_act2 = ClippedActivation(64)
        self.shift2 = Shift3x3(64)
        inputs = 64
        self.stages = ("layer1", "layer2", "layer3")
        for name, blocks, outputs in zip(
            self.stages, BLOCKS, (width, 2 * width, 4 * width), strict=True
        ):
            first = DiracDeltaBlock(inputs, outputs, True, name == "layer1", expansion)
            rest = (
                DiracDeltaBlock(outputs, outputs, False, False, expansion) for _ in range(1, blocks)
            )
            self.add_module(name, nn.Sequential(first, *rest))
            inputs = outputs
        self.conv3 = nn.Conv2d(inputs, 1024, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(1024)
        self.quant_act3 = ClippedActivation(1024, 10.0, 10.0)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(1024, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.quant_act1(torch.relu(self.bn1(self.conv1(x))))
        x = self.shift1(F.max_pool2d(x, 2, padding=1))
        x = self.quant_act2(torch.relu(self.bn2(self.conv2(x))))
        x = self.shift2(F.max_pool2d(x, 2, padding=1))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        x = self.quant_act3(torch.relu(self.bn3(self.conv3(x))))
        return self.linear(self.avgpool(x).flatten(1))


def diracdeltanet(
    classes: int, input_channels: int, *, width: int = 116, expansion: float = 2.0
) -> nn.Module:
    """DiracDeltaNet; the stages have ``width``, twice and four times as many channels."""
    return DiracDeltaNet(width, expansion, classes, input_channels)


CODE = "Yang-YiFan/DiracDeltaNet@3648754"

NETWORKS = (
    Network(
        "diracdeltanet",
        "diracdeltanet",
        (3, 224, 224),
        diracdeltanet,
        classes=1000,
        published=Published(
            accuracy={"ImageNet, not quantised": 68.9, "ImageNet, 4 bits": 68.3},
            sources=(f"{CODE} models/diracdeltanet.py, train.py", f"README of {CODE}"),
        ),
        remarks="The network before quantisation, whose activations are clipped but not rounded. "
        "Its 4-bit form, which has the same keys, rounds tanh of the weights to 16 and "
        "activations to 15 steps: left out. width and expansion are train.py's defaults; that the "
        "published accuracies were reached with them is our reading.",
    ),
)
