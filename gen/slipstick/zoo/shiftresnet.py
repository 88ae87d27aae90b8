"""ShiftResNet (Wu et al., CVPR 2018), as alvinwan/shiftresnet-cifar releases it at 289a1a1.

The code differs from the paper: BatchNorm and ReLU follow each 1x1 convolution instead of preceding
it, and where the shape changes the shortcut is a 1x1 convolution with BatchNorm. No ReLU follows
the addition. The networks ``*_paper`` have the paper's modules (see `slipstick.zoo.shiftnet`).
"""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from slipstick.nn import GroupedShift
from slipstick.zoo.cifar import WIDTHS, CifarResNet
from slipstick.zoo.layers import plain
from slipstick.zoo.network import Network, Published
from slipstick.zoo.shiftnet import Group, ShiftModule, ShiftNet

CODE = "alvinwan/shiftresnet-cifar@289a1a1"
CIFAR = (3, 32, 32)


class ShiftBlock(nn.Module):
    """[Shift,] 1x1 convolution, shift, strided 1x1 convolution, added to ``shortcut``.

    Parameters
    ----------
    expansion : channels between the convolutions, as a multiple of ``outputs``.
    shift : makes the layers that move channels.
    sc2 : shifts the input of the first convolution too: SC2 where it is CSC without.
    relu_after_add : the last ReLU stands behind the addition instead of before it, as in
        revision 093d742 of the released code.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        expansion: float,
        shift: Callable[[int], nn.Module] = GroupedShift,
        sc2: bool = False,
        relu_after_add: bool = False,
    ) -> None:
        super().__init__()
        middle = int(outputs * expansion)
        self.shift1 = shift(inputs) if sc2 else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.shift2 = shift(middle)
        self.conv2 = nn.Conv2d(middle, outputs, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                *plain(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        self.relu_after_add = relu_after_add

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = self.shortcut(x)
        x = torch.relu(self.bn1(self.conv1(self.shift1(x))))
        x = self.bn2(self.conv2(self.shift2(x)))
        if self.relu_after_add:
            return torch.relu(x + shortcut)
        return torch.relu(x) + shortcut


def _code(blocks: int, published_expansion: int, is_sc2: bool = False) -> Callable[..., nn.Module]:
    """Builds networks by the code's rule."""

    def build(
        classes: int,
        input_channels: int,
        *,
        expansion: float = published_expansion,
        kernel: int = 3,
        dilation: int = 1,
        order: str = "interleaved",
        sc2: bool = is_sc2,
        relu_after_add: bool = False,
    ) -> nn.Module:
        block = functools.partial(
            ShiftBlock,
            expansion=expansion,
            shift=functools.partial(
                GroupedShift, kernel_size=kernel, dilation=dilation, order=order
            ),
            sc2=sc2,
            relu_after_add=relu_after_add,
        )
        return CifarResNet(block, [blocks] * 3, classes, input_channels)

    return build


def _paper(blocks: int, published_expansion: int) -> Callable[..., nn.Module]:
    """Builds networks by the paper's rule."""

    def build(
        classes: int,
        input_channels: int,
        *,
        expansion: float = published_expansion,
        kernel: int = 3,
        dilation: int = 1,
        order: str = "contiguous",
        sc2: bool = False,
    ) -> nn.Module:
        module = functools.partial(ShiftModule, dilation=dilation, order=order, sc2=sc2)
        stem = nn.Conv2d(input_channels, WIDTHS[0], 3, padding=1, bias=False)
        groups = [
            Group(blocks, width, kernel, expansion, expansion, stride)
            for width, stride in zip(WIDTHS, (1, 2, 2), strict=True)
        ]
        return ShiftNet(stem, groups, module, classes)

    return build


BLOCKS: Mapping[int, int] = MappingProxyType({20: 3, 56: 9, 110: 18})
"""Blocks a stage by depth."""

FIGURES: Mapping[tuple[int, int], tuple[int, float, float]] = MappingProxyType(
    {
        (20, 1): (34_906, 85.78, 55.05),
        (20, 3): (95_642, 89.56, 65.83),
        (20, 6): (186_746, 91.07, 69.73),
        (20, 9): (277_850, 91.79, 70.77),
        (56, 1): (102_106, 89.69, 63.20),
        (56, 3): (294_554, 92.48, 69.77),
        (56, 6): (583_226, 93.49, 72.33),
        (56, 9): (871_898, 93.17, 73.43),
        (110, 1): (202_906, 90.67, 68.01),
        (110, 3): (592_922, 92.42, 72.10),
        (110, 6): (1_177_946, 93.03, 73.17),
        (110, 9): (1_762_970, 93.36, 73.71),
    }
)
"""Parameters with 10 classes, CIFAR-10 and CIFAR-100 accuracy, by depth and expansion.

95,642 stands in the README, the other counts follow from the code's structure.
"""


def _network(depth: int, expansion: int) -> Network:
    parameters, cifar10, cifar100 = FIGURES[depth, expansion]
    return Network(
        f"shiftresnet{depth}_e{expansion}",
        "shift",
        CIFAR,
        _code(BLOCKS[depth], expansion),
        published=Published(
            parameters=parameters,
            accuracy={"CIFAR-10": cifar10, "CIFAR-100": cifar100},
            sources=(
                f"{CODE} models/shiftresnet.py, models/resnet.py",
                f"README of {CODE}; parameters but those of depth 20, expansion 3 from its code",
            ),
        ),
    )


PAPER = (
    "Not released. The paper's modules and order of groups; that BatchNorm and ReLU stand behind "
    "the last module instead of the stem is our reading."
)


def _paper_network(depth: int) -> Network:
    build = _paper(BLOCKS[depth], 6)
    return Network(f"shiftresnet{depth}_paper_e6", "shift", CIFAR, build, remarks=PAPER)


NETWORKS = (
    *(_network(*key) for key in FIGURES),
    Network(
        "shiftresnet20_sc2_e3",
        "shift",
        CIFAR,
        _code(BLOCKS[20], 3, is_sc2=True),
        remarks="The paper's SC2 module by the rule of the code, which has CSC only.",
    ),
    *(_paper_network(depth) for depth in BLOCKS),
)
