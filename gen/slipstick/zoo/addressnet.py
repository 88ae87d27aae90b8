"""AddressNet (He et al., WACV 2019), of which neither code nor table is public.

Known is the module: grouped 1x1 convolution, channel shift, address shift, grouped 1x1
convolution; at stride 1 added to its input, at stride 2 put beside an average pool of it. Depth
follows from the names. Widths, groups, the amount of the channel shift, where BatchNorm and ReLU
stand, and the directions of the module's three groups of channels are unknown and are options or
our choice.
"""

from collections.abc import Callable

import torch
from torch import nn

from slipstick.nn import AddressShift, ChannelShift
from slipstick.zoo.network import Network, Published

THREE = "rlu"
FOUR = "rlud"


class AddressBlock(nn.Module):
    """One address-based module.

    Parameters
    ----------
    made : channels it computes; at stride 2 the pooled input comes beside them.
    expansion : channels between the convolutions, as a multiple of ``made``.
    groups : of both convolutions.
    amount : channels that the channel shift rotates by; half a group if None.
    directions : of the address shift, one for each group of channels.
    """

    def __init__(
        self,
        inputs: int,
        made: int,
        stride: int,
        *,
        expansion: float,
        groups: int,
        amount: int | None,
        directions: str,
    ) -> None:
        super().__init__()
        middle = int(made * expansion)
        self.conv1 = nn.Conv2d(inputs, middle, 1, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.channel_shift = ChannelShift(
            middle, middle // groups // 2 if amount is None else amount
        )
        self.address_shift = AddressShift(middle, directions)
        self.conv2 = nn.Conv2d(middle, made, 1, stride, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(made)
        self.pool = None if stride == 1 else nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(self.address_shift(self.channel_shift(y))))
        return torch.relu(x + y if self.pool is None else torch.cat([y, self.pool(x)], 1))


class AddressNet(nn.Module):
    """3x3 stem and three stages of modules; the width doubles where the image halves."""

    def __init__(
        self,
        blocks: int,
        width: int,
        block: Callable[[int, int, int], nn.Module],
        classes: int,
        input_channels: int,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(*(block(width, width, 1) for _ in range(blocks)))
        self.layer2 = _stage(blocks, width, block)
        self.layer3 = _stage(blocks, 2 * width, block)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(4 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.avgpool(x).flatten(1))


def _stage(blocks: int, inputs: int, block: Callable[[int, int, int], nn.Module]) -> nn.Sequential:
    """One module that halves the image and doubles the width, then those that keep both."""
    rest = (block(2 * inputs, 2 * inputs, 1) for _ in range(1, blocks))
    return nn.Sequential(block(inputs, inputs, 2), *rest)


def _builder(blocks: int) -> Callable[..., nn.Module]:
    def build(
        classes: int,
        input_channels: int,
        *,
        enhanced: bool = False,
        directions: str | None = None,
        width: int = 48,
        expansion: float = 2,
        groups: int = 4,
        amount: int | None = None,
    ) -> nn.Module:
        def block(inputs: int, made: int, stride: int) -> nn.Module:
            return AddressBlock(
                inputs,
                made,
                stride,
                expansion=expansion,
                groups=groups,
                amount=amount,
                directions=directions or (FOUR if enhanced else THREE),
            )

        return AddressNet(blocks, width, block, classes, input_channels)

    return build


REMARKS = (
    "No code or table is public. Widths, groups, expansion, channel shift and directions are "
    "options; their defaults were chosen for the published multiply-adds. enhanced=True moves four "
    "groups of channels, one in each direction, instead of three."
)
SURVEY = "a survey's list of light networks: accuracy, parameters, multiply-adds"

NETWORKS = (
    Network(
        "addressnet20",
        "addressnet",
        (3, 32, 32),
        _builder(3),
        classes=100,
        published=Published(0.1e6, 22e6, {"CIFAR-100": 68.7}, (SURVEY,)),
        remarks=REMARKS,
    ),
    Network(
        "addressnet44",
        "addressnet",
        (3, 32, 32),
        _builder(7),
        classes=100,
        published=Published(0.2e6, 53e6, {"CIFAR-100": 73.3}, (SURVEY,)),
        remarks=REMARKS,
    ),
)
