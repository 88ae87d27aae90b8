"""Residual networks with torchvision's names: one structure for every kind of convolution.

``layer1.0.conv1``, ``layer2.0.downsample.0`` and on. `ResNet` ends as ``resnet20.py`` and
``resnet50.py`` of huawei-noah/AdderNet, which ShiftAddNet's models repeat: with a classifier
``fc`` that is a 1x1 convolution, and ``bn2`` on the logits. `LinearResNet` ends as torchvision's,
which the released code of S3 and APoT is made from.
"""

from collections.abc import Sequence

import torch
from torch import nn

from slipstick.zoo.layers import Convolution, joined


class BasicBlock(nn.Module):
    """Two 3x3 layers beside the identity, or beside ``downsample`` where the shape changes."""

    expansion = 1

    def __init__(self, convolution: Convolution, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = joined(convolution(inputs, planes, 3, stride))
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = joined(convolution(planes, planes, 3, 1))
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = projection(convolution, inputs, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, strided 3x3 and 1x1 layers to four times ``planes``, beside the shortcut."""

    expansion = 4

    def __init__(self, convolution: Convolution, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = joined(convolution(inputs, planes, 1, 1))
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = joined(convolution(planes, planes, 3, stride))
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = joined(convolution(planes, outputs, 1, 1))
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = projection(convolution, inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + shortcut)


class Trunk(nn.Module):
    """Stem, stages of blocks, global average, and a classifier that its kinds apply.

    Parameters
    ----------
    stem : the layer ``conv1``; ``maxpool``, if any, follows its ReLU.
    block : `BasicBlock` or `Bottleneck`.
    widths : planes of each stage; every stage but the first begins with stride 2.
    counts : blocks of each stage.
    classifier : the layer ``fc``.
    """

    def __init__(
        self,
        stem: nn.Module,
        maxpool: nn.Module | None,
        convolution: Convolution,
        block: type[BasicBlock] | type[Bottleneck],
        widths: Sequence[int],
        counts: Sequence[int],
        classifier: nn.Module,
    ) -> None:
        super().__init__()
        self.conv1 = stem
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = maxpool
        inputs = widths[0]
        self.stages = [f"layer{number}" for number in range(1, len(widths) + 1)]
        for name, planes, count in zip(self.stages, widths, counts, strict=True):
            stage = nn.Sequential()
            for index in range(count):
                stride = 2 if index == 0 and name != "layer1" else 1
                stage.append(block(convolution, inputs, planes, stride))
                inputs = planes * block.expansion
            self.add_module(name, stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = classifier

    def averages(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, 1, 1) of images."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = x if self.maxpool is None else self.maxpool(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.avgpool(x)


class ResNet(Trunk):
    """`Trunk`, the 1x1 convolution ``fc``, BatchNorm on the logits."""

    def __init__(
        self,
        stem: nn.Module,
        maxpool: nn.Module | None,
        convolution: Convolution,
        block: type[BasicBlock] | type[Bottleneck],
        widths: Sequence[int],
        counts: Sequence[int],
        classifier: nn.Module,
        classes: int,
    ) -> None:
        super().__init__(stem, maxpool, convolution, block, widths, counts, classifier)
        self.bn2 = nn.BatchNorm2d(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.fc(self.averages(x))).flatten(1)


class LinearResNet(Trunk):
    """`Trunk` and the linear layer ``fc``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.averages(x).flatten(1))


def cifar_resnet(
    stem: nn.Module, convolution: Convolution, blocks: int, classifier: nn.Module
) -> LinearResNet:
    """Three stages of 16, 32 and 64 channels for 32x32 images."""
    return LinearResNet(stem, None, convolution, BasicBlock, (16, 32, 64), [blocks] * 3, classifier)


def imagenet_resnet(
    convolution: Convolution,
    block: type[BasicBlock] | type[Bottleneck],
    counts: Sequence[int],
    classes: int,
    input_channels: int,
) -> LinearResNet:
    """Four stages of 64 to 512 channels for ImageNet; stem and classifier are ordinary layers."""
    stem = nn.Conv2d(input_channels, 64, 7, 2, 3, bias=False)
    classifier = nn.Linear(512 * block.expansion, classes)
    pool, widths = nn.MaxPool2d(3, 2, 1), (64, 128, 256, 512)
    return LinearResNet(stem, pool, convolution, block, widths, counts, classifier)


def projection(
    convolution: Convolution, inputs: int, outputs: int, stride: int
) -> nn.Sequential | None:
    """A 1x1 shortcut with BatchNorm; None where the identity fits."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(*convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
