"""AdderNet's networks (Chen et al., CVPR 2020).

ResNet-20 and ResNet-50 repeat ``resnet20.py`` and ``resnet50.py`` of huawei-noah/AdderNet at
2fb8aad key for key; ResNet-32 and ResNet-18 are the same classes with other counts of blocks. The
first and the last layer stay convolutions there, and a BatchNorm stands on the logits: these
multiply.
"""

import torch
from torch import nn

from slipstick.nn import AdderConv2d
from slipstick.zoo.network import Network, Published
from slipstick.zoo.residual import BasicBlock, Bottleneck, ResNet
from slipstick.zoo.vgg import POOL, features

IMAGENET_WIDTHS = (64, 128, 256, 512)
CODE = "huawei-noah/AdderNet@2fb8aad"


def adder(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """An adder layer in place of a convolution."""
    return [AdderConv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]


def _cifar_resnet(blocks: int, classes: int, input_channels: int) -> nn.Module:
    stem = nn.Conv2d(input_channels, 16, 3, padding=1, bias=False)
    classifier = nn.Conv2d(64, classes, 1, bias=False)
    return ResNet(stem, None, adder, BasicBlock, (16, 32, 64), [blocks] * 3, classifier, classes)


def _imagenet_resnet(
    block: type[BasicBlock] | type[Bottleneck],
    counts: tuple[int, ...],
    classes: int,
    input_channels: int,
) -> nn.Module:
    stem = nn.Conv2d(input_channels, 64, 7, 2, 3, bias=False)
    classifier = nn.Conv2d(512 * block.expansion, classes, 1)
    pool = nn.MaxPool2d(3, 2, 1)
    return ResNet(stem, pool, adder, block, IMAGENET_WIDTHS, counts, classifier, classes)


def resnet20(classes: int, input_channels: int) -> nn.Module:
    """ResNet-20 for 32x32 images."""
    return _cifar_resnet(3, classes, input_channels)


def resnet32(classes: int, input_channels: int) -> nn.Module:
    """ResNet-32 for 32x32 images."""
    return _cifar_resnet(5, classes, input_channels)


def resnet18(classes: int, input_channels: int) -> nn.Module:
    """ResNet-18 for ImageNet."""
    return _imagenet_resnet(BasicBlock, (2, 2, 2, 2), classes, input_channels)


def resnet50(classes: int, input_channels: int) -> nn.Module:
    """ResNet-50 for ImageNet."""
    return _imagenet_resnet(Bottleneck, (3, 4, 6, 3), classes, input_channels)


class VggSmall(nn.Module):
    """Six layers of 128, 256 and 512 channels; the first and the classifier multiply."""

    def __init__(self, classes: int, input_channels: int) -> None:
        super().__init__()
        widths = (128, POOL, 256, 256, POOL, 512, 512, POOL)
        self.conv1 = nn.Conv2d(input_channels, 128, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        self.features = features(128, widths, adder)
        self.fc = nn.Conv2d(512, classes, 4, bias=False)
        self.bn2 = nn.BatchNorm2d(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(torch.relu(self.bn1(self.conv1(x))))
        return self.bn2(self.fc(x)).flatten(1)


class LeNet5(nn.Module):
    """LeNet-5 with a BatchNorm after each layer; every layer is an adder, the classifier too."""

    def __init__(self, classes: int, input_channels: int) -> None:
        super().__init__()
        self.conv1 = AdderConv2d(input_channels, 6, 5, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = AdderConv2d(6, 16, 5, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv3 = AdderConv2d(16, 120, 5, bias=False)
        self.bn3 = nn.BatchNorm2d(120)
        self.fc1 = AdderConv2d(120, 84, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(84)
        self.fc2 = AdderConv2d(84, classes, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(classes)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.relu(self.bn2(self.conv2(x))))
        x = torch.relu(self.bn3(self.conv3(x)))
        x = torch.relu(self.bn4(self.fc1(x)))
        return self.bn5(self.fc2(x)).flatten(1)


CIFAR = (3, 32, 32)
IMAGENET = (3, 224, 224)
README = "README of huawei-noah/AdderNet"
PAPER = "counts: a review of the paper (sh-tsang, AdderNet), not the paper itself"

NETWORKS = (
    Network(
        "addernet_lenet5",
        "addernet",
        (1, 32, 32),
        LeNet5,
        published=Published(multiply_adds=435e3, accuracy={"MNIST": 99.40}, sources=(PAPER,)),
        remarks="No code was released. Layers are the classic LeNet-5's on 32x32 images; which "
        "BatchNorms the paper has, and that the classifier is an adder, are our choice.",
    ),
    Network(
        "addernet_vgg_small",
        "addernet",
        CIFAR,
        VggSmall,
        published=Published(accuracy={"CIFAR-10": 93.72, "CIFAR-100": 72.64}, sources=(README,)),
        remarks="No code was released. Widths are those of VGG-small elsewhere; one classifier, "
        "and the keys, are our choice.",
    ),
    Network(
        "addernet_resnet20",
        "addernet",
        CIFAR,
        resnet20,
        published=Published(
            multiply_adds=41.17e6,
            accuracy={"CIFAR-10": 92.02, "CIFAR-100": 67.60},
            sources=(f"{CODE} resnet20.py", README, PAPER),
        ),
    ),
    Network(
        "addernet_resnet32",
        "addernet",
        CIFAR,
        resnet32,
        published=Published(
            accuracy={"CIFAR-10": 93.01, "CIFAR-100": 69.17},
            sources=(f"{CODE} resnet20.py with five blocks a stage", README),
        ),
    ),
    Network(
        "addernet_resnet18",
        "addernet",
        IMAGENET,
        resnet18,
        classes=1000,
        published=Published(
            multiply_adds=1.8e9,
            accuracy={"ImageNet": 67.0},
            sources=(f"{CODE} resnet50.py with basic blocks", README, PAPER),
        ),
    ),
    Network(
        "addernet_resnet50",
        "addernet",
        IMAGENET,
        resnet50,
        classes=1000,
        published=Published(accuracy={"ImageNet": 74.9}, sources=(f"{CODE} resnet50.py", README)),
    ),
)
