"""APoT's networks (Li et al., ICLR 2020), with the keys of its released code.

Every convolution between the first and the last layer has ``weight``, ``weight_quant.wgt_alpha``
and ``act_alpha``. The network for CIFAR rounds the weights of its first and last layer to 8 bits,
those for ImageNet leave them as they are.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import APoTConv2d
from slipstick.zoo.layers import Convolution
from slipstick.zoo.network import Network, Published
from slipstick.zoo.residual import BasicBlock, Bottleneck, cifar_resnet, imagenet_resnet


def eight_bits(weight: torch.Tensor) -> torch.Tensor:
    """``weight`` in 127ths of its largest (not absolute) value; straight-through gradient."""
    largest = weight.amax().detach()
    rounded = torch.round(weight / largest * 127) / 127 * largest
    return (rounded - weight).detach() + weight


class FirstConv2d(nn.Conv2d):
    """Convolution by `eight_bits` of its weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, eight_bits(self.weight), self.bias)


class LastLinear(nn.Linear):
    """Linear layer of `eight_bits` of its weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, eight_bits(self.weight), self.bias)


def additive(weight_bits: int, activation_bits: int | None) -> Convolution:
    """Makes a layer of APoT in place of a convolution."""

    def convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
        return [
            APoTConv2d(
                inputs,
                outputs,
                kernel,
                stride,
                kernel // 2,
                bias=False,
                weight_bits=weight_bits,
                activation_bits=activation_bits,
            )
        ]

    return convolution


def resnet20(
    classes: int,
    input_channels: int,
    *,
    weight_bits: int = 4,
    activation_bits: int | None = 4,
) -> nn.Module:
    """ResNet-20 for 32x32 images."""
    stem = FirstConv2d(input_channels, 16, 3, padding=1, bias=False)
    convolution = additive(weight_bits, activation_bits)
    return cifar_resnet(stem, convolution, 3, LastLinear(64, classes))


def _imagenet(
    block: type[BasicBlock] | type[Bottleneck], counts: Sequence[int]
) -> Callable[..., nn.Module]:
    def build(
        classes: int,
        input_channels: int,
        *,
        weight_bits: int = 4,
        activation_bits: int | None = 4,
    ) -> nn.Module:
        convolution = additive(weight_bits, activation_bits)
        return imagenet_resnet(convolution, block, counts, classes, input_channels)

    return build


CODE = "yhhhli/APoT_Quantization@13204f1"
README = f"README of {CODE}"
REMARKS = (
    "The released code has one number of bits for weights and activations; here they are two "
    "options. activation_bits=None leaves activations as they are."
)


def _network(
    depth: int,
    block: type[BasicBlock] | type[Bottleneck],
    counts: Sequence[int],
    accuracy: dict[int, float],
) -> Network:
    return Network(
        f"apot_resnet{depth}",
        "apot",
        (3, 224, 224),
        _imagenet(block, counts),
        classes=1000,
        published=Published(
            accuracy={f"ImageNet, {bits} bits": value for bits, value in accuracy.items()},
            sources=(f"{CODE} ImageNet/models/resnet.py", README),
        ),
        remarks=REMARKS,
    )


NETWORKS = (
    Network(
        "apot_resnet20",
        "apot",
        (3, 32, 32),
        resnet20,
        published=Published(sources=(f"{CODE} CIFAR10/models/resnet.py",)),
        remarks=REMARKS,
    ),
    _network(18, BasicBlock, (2, 2, 2, 2), {5: 70.75, 4: 70.74, 3: 69.79, 2: 66.46}),
    _network(34, BasicBlock, (3, 4, 6, 3), {5: 74.26, 4: 74.12, 3: 73.55, 2: 71.30}),
    _network(50, Bottleneck, (3, 4, 6, 3), {4: 76.80, 3: 75.92}),
)
