"""Networks of S3 (Li et al., NeurIPS 2021) and DenseShift (Li et al., ICCV 2023).

Names are those of ``S3-Training/resnet.py`` of huawei-noah/noah-research. Every convolution but
the first decides its weights bit by bit, with the keys ``weight_sign`` (and ``weight``, the same
tensor), ``weight_val``, ``weight_shift``, ``weight_shift2``, or ``weight_t1`` to ``weight_t3``.
"""

from torch import nn

from slipstick.nn import DenseShiftConv2d, S3Conv2d
from slipstick.zoo.network import Network, Published
from slipstick.zoo.residual import BasicBlock, Bottleneck, cifar_resnet, imagenet_resnet


def decided(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """A layer of S3 in place of a convolution."""
    return [S3Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]


def zero_free(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """A layer of DenseShift in place of a convolution."""
    return [DenseShiftConv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]


def resnet20(classes: int, input_channels: int) -> nn.Module:
    """ResNet-20 for 32x32 images, of S3 layers."""
    stem = nn.Conv2d(input_channels, 16, 3, padding=1, bias=False)
    return cifar_resnet(stem, decided, 3, nn.Linear(64, classes))


def resnet18(classes: int, input_channels: int) -> nn.Module:
    """ResNet-18 for ImageNet, of S3 layers."""
    return imagenet_resnet(decided, BasicBlock, (2, 2, 2, 2), classes, input_channels)


def resnet50(classes: int, input_channels: int) -> nn.Module:
    """ResNet-50 for ImageNet, of S3 layers."""
    return imagenet_resnet(decided, Bottleneck, (3, 4, 6, 3), classes, input_channels)


def denseshift_resnet20(classes: int, input_channels: int) -> nn.Module:
    """ResNet-20 for 32x32 images, of DenseShift layers."""
    stem = nn.Conv2d(input_channels, 16, 3, padding=1, bias=False)
    return cifar_resnet(stem, zero_free, 3, nn.Linear(64, classes))


def denseshift_resnet18(classes: int, input_channels: int) -> nn.Module:
    """ResNet-18 for ImageNet, of DenseShift layers."""
    return imagenet_resnet(zero_free, BasicBlock, (2, 2, 2, 2), classes, input_channels)


CIFAR = (3, 32, 32)
IMAGENET = (3, 224, 224)
CODE = "huawei-noah/noah-research S3-Training"
RESNET = f"{CODE}/resnet.py"
README = f"README of {CODE}/s3-training-neurips-2021"

NETWORKS = (
    Network(
        "s3_resnet20",
        "s3",
        CIFAR,
        resnet20,
        published=Published(sources=(RESNET,)),
        remarks="The released code leaves the depth of its network for CIFAR-10 open; 20 is our "
        "choice, and no accuracy is stated.",
    ),
    Network(
        "s3_resnet18",
        "s3",
        IMAGENET,
        resnet18,
        classes=1000,
        published=Published(accuracy={"ImageNet": 69.508}, sources=(RESNET, README)),
    ),
    Network(
        "s3_resnet50",
        "s3",
        IMAGENET,
        resnet50,
        classes=1000,
        published=Published(accuracy={"ImageNet": 75.748}, sources=(RESNET, README)),
    ),
    Network(
        "denseshift_resnet20",
        "s3",
        CIFAR,
        denseshift_resnet20,
        published=Published(sources=(RESNET, f"{CODE}/dsconv2d.py")),
        remarks="Of DenseShift only the layer and a ResNet-18 were released: s3_resnet20 with its "
        "layers.",
    ),
    Network(
        "denseshift_resnet18",
        "s3",
        IMAGENET,
        denseshift_resnet18,
        classes=1000,
        published=Published(sources=(f"{CODE}/dsconv2d.py, main.py",)),
        remarks="The released code trains it, but states no accuracy, and no checkpoint was "
        "released.",
    ),
)
