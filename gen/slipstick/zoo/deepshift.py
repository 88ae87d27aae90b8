"""DeepShift's networks (Elhoushi et al., 2021): ordinary networks, then `slipstick.nn.convert`.

Names are those of ``mnist.py`` and ``cifar10_models/`` of mostafaelhoushi/DeepShift at 7c012fb.
Every convolution and linear layer becomes a shift layer, the first and the last too, as with
upstream's ``--shift-depth 1000``. ``method="q"`` keeps the keys ``*.weight``; ``"ps"`` makes
``*.shift`` and ``*.sign`` of them.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import convert
from slipstick.zoo.cifar import CifarResNet
from slipstick.zoo.layers import plain
from slipstick.zoo.network import Network, Published
from slipstick.zoo.vgg import WIDTHS, features

SHORTCUTS = ("pad", "projection")


class LinearMnist(nn.Module):
    """784-512-512-10, without upstream's final log_softmax, which changes no order."""

    def __init__(self, classes: int, input_channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(input_channels * 28 * 28, 512)
        self.dropout1 = nn.Dropout(0.2)
        self.fc2 = nn.Linear(512, 512)
        self.dropout2 = nn.Dropout(0.2)
        self.fc3 = nn.Linear(512, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.dropout1(torch.relu(self.fc1(x.flatten(1))))
        return self.fc3(self.dropout2(torch.relu(self.fc2(x))))


class ConvMnist(nn.Module):
    """Two 5x5 layers of 20 and 50 channels, 500, 10; without upstream's final log_softmax."""

    def __init__(self, classes: int, input_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(4 * 4 * 50, 500)
        self.fc2 = nn.Linear(500, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class PaddedShortcut(nn.Module):
    """Every second row and column, and zero channels around: upstream's shortcut, option A."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = (0, 0, 0, 0, self.channels // 4, self.channels // 4)
        return F.pad(x[:, :, ::2, ::2], around)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside ``shortcut``."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1 and shortcut == "pad":
            self.shortcut = PaddedShortcut(outputs)
        elif stride != 1:
            (convolution,) = plain(inputs, outputs, 1, stride)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Vgg(nn.Module):
    """``feature``, a 2x2 average pool, one linear ``classifier``."""

    def __init__(self, depth: int, classes: int, input_channels: int) -> None:
        super().__init__()
        if depth not in WIDTHS:
            raise ValueError(f"Depth must be one of {', '.join(map(str, WIDTHS))}, not {depth!r}")
        self.feature = features(input_channels, WIDTHS[depth], plain)
        self.avgpool = nn.AvgPool2d(2)
        self.classifier = nn.Linear(512, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.avgpool(self.feature(x)).flatten(1))


def _shifted(network: nn.Module, method: str, weight_bits: int) -> nn.Module:
    return convert(network, "shift", method=method, weight_bits=weight_bits)


def mnist_fc(
    classes: int, input_channels: int, *, method: str = "q", weight_bits: int = 5
) -> nn.Module:
    """The fully connected network for MNIST."""
    return _shifted(LinearMnist(classes, input_channels), method, weight_bits)


def mnist_conv(
    classes: int, input_channels: int, *, method: str = "q", weight_bits: int = 5
) -> nn.Module:
    """The convolutional network for MNIST."""
    return _shifted(ConvMnist(classes, input_channels), method, weight_bits)


def _resnet(
    counts: tuple[int, ...],
    widths: tuple[int, ...],
    classes: int,
    input_channels: int,
    shortcut: str,
) -> nn.Module:
    if shortcut not in SHORTCUTS:
        raise ValueError(f"Shortcut must be one of {', '.join(SHORTCUTS)}, not {shortcut!r}")

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        return BasicBlock(inputs, outputs, stride, shortcut)

    return CifarResNet(block, counts, classes, input_channels, widths)


def resnet18(
    classes: int,
    input_channels: int,
    *,
    method: str = "q",
    weight_bits: int = 5,
    shortcut: str = "pad",
) -> nn.Module:
    """ResNet-18 for 32x32 images, whose blocks upstream gives padded shortcuts as well."""
    network = _resnet((2, 2, 2, 2), (64, 128, 256, 512), classes, input_channels, shortcut)
    return _shifted(network, method, weight_bits)


def resnet20(
    classes: int,
    input_channels: int,
    *,
    method: str = "q",
    weight_bits: int = 5,
    shortcut: str = "pad",
) -> nn.Module:
    """ResNet-20 for 32x32 images."""
    network = _resnet((3, 3, 3), (16, 32, 64), classes, input_channels, shortcut)
    return _shifted(network, method, weight_bits)


def resnet56(
    classes: int,
    input_channels: int,
    *,
    method: str = "q",
    weight_bits: int = 5,
    shortcut: str = "pad",
) -> nn.Module:
    """ResNet-56 for 32x32 images."""
    network = _resnet((9, 9, 9), (16, 32, 64), classes, input_channels, shortcut)
    return _shifted(network, method, weight_bits)


def vgg(
    classes: int,
    input_channels: int,
    *,
    method: str = "q",
    weight_bits: int = 5,
    depth: int = 16,
) -> nn.Module:
    """VGG with BatchNorm for 32x32 images; ``depth`` 11, 13, 16 or 19."""
    return _shifted(Vgg(depth, classes, input_channels), method, weight_bits)


MNIST = (1, 28, 28)
CIFAR = (3, 32, 32)
CODE = "mostafaelhoushi/DeepShift@7c012fb"
README = f"README of {CODE}"


def _published(q: float, ps: float, data: str, code: str) -> Published:
    accuracy = {f"{data}, Q": q, f"{data}, PS": ps}
    return Published(accuracy=accuracy, sources=(f"{CODE} {code}", README))


NETWORKS = (
    Network(
        "deepshift_mnist_fc",
        "deepshift",
        MNIST,
        mnist_fc,
        published=_published(97.03, 98.26, "MNIST", "pytorch/mnist.py"),
    ),
    Network(
        "deepshift_mnist_conv",
        "deepshift",
        MNIST,
        mnist_conv,
        published=_published(98.81, 99.12, "MNIST", "pytorch/mnist.py"),
    ),
    Network(
        "deepshift_resnet18",
        "deepshift",
        CIFAR,
        resnet18,
        published=_published(94.42, 93.20, "CIFAR-10", "pytorch/cifar10_models/resnet.py"),
    ),
    Network(
        "deepshift_resnet20",
        "deepshift",
        CIFAR,
        resnet20,
        published=_published(89.85, 88.84, "CIFAR-10", "pytorch/cifar10_models/resnet.py"),
    ),
    Network(
        "deepshift_resnet56",
        "deepshift",
        CIFAR,
        resnet56,
        published=_published(91.52, 91.11, "CIFAR-10", "pytorch/cifar10_models/resnet.py"),
    ),
    Network(
        "deepshift_vgg16",
        "deepshift",
        CIFAR,
        vgg,
        published=Published(sources=(f"{CODE} pytorch/cifar10_models/vgg.py",)),
    ),
)
