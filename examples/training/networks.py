"""The networks of the shipped checkpoints, for 28x28 grey images in 10 classes."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from slipstick.nn import (
    AdderConv2d,
    AddressShift,
    ChannelShift,
    GroupedShift,
    ShiftConv2d,
    ShiftLinear,
    SparseShift,
)

Layer = Callable[..., nn.Module]
"""Makes a layer of the arguments of `torch.nn.Conv2d` or `torch.nn.Linear`."""


class LeNet(nn.Module):
    """A LeNet-like network, by default of ordinary layers."""

    def __init__(self, conv: Layer = nn.Conv2d, linear: Layer = nn.Linear) -> None:
        super().__init__()
        self.conv1 = conv(1, 16, 5, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = conv(16, 32, 5, padding=2, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = linear(32 * 7 * 7, 96)
        self.fc2 = linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.relu(self.bn2(self.conv2(x))))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class ShiftLeNet(LeNet):
    """DeepShift: every weight is a signed power of two; ``method`` is "q" or "ps"."""

    def __init__(self, method: str = "q") -> None:
        super().__init__(partial(ShiftConv2d, method=method), partial(ShiftLinear, method=method))


class AdderBlock(nn.Module):
    """Two L1 layers beside the identity, or beside an L1 layer that halves the image."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = AdderConv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = AdderConv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                AdderConv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        shortcut = self.downsample(x) if self.downsample is not None else x
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class AdderResNet(nn.Module):
    """AdderNet with residual blocks; first and last layer are ordinary, as in the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = AdderBlock(16, 16, 1)
        self.layer2 = AdderBlock(16, 32, 2)
        self.layer3 = AdderBlock(32, 32, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.pool(x).flatten(1))


def shift_add(inputs: int, outputs: int, conv: Layer) -> nn.Sequential:
    """A shift layer, an L1 layer on its sums, BatchNorm and ReLU."""
    return nn.Sequential(
        conv(inputs, outputs, 3, padding=1, bias=False),
        AdderConv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ShiftAddNet(nn.Module):
    """ShiftAddNet: pairs of a shift and an L1 layer between a shift stem and classifier.

    ``conv`` makes the shift convolutions.
    """

    def __init__(self, conv: Layer = ShiftConv2d) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.pair1 = shift_add(16, 16, conv)
        self.pool = nn.MaxPool2d(2)
        self.pair2 = shift_add(16, 32, conv)
        self.fc = ShiftLinear(32 * 7 * 7, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        x = self.pair2(self.pool(self.pair1(self.stem(x))))
        return self.fc(x.flatten(1))


class MovedBlock(nn.Module):
    """1x1, a move of each channel, 1x1 that may halve the image, beside a shortcut.

    As the released code of Shift: no ReLU behind the sum.
    """

    def __init__(
        self, move: Callable[[int], nn.Module], inputs: int, outputs: int, stride: int
    ) -> None:
        super().__init__()
        middle = 3 * outputs
        self.conv1 = ShiftConv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.move = move(middle)
        self.conv2 = ShiftConv2d(middle, outputs, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                ShiftConv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        y = self.move(torch.relu(self.bn1(self.conv1(x))))
        return torch.relu(self.bn2(self.conv2(y))) + self.shortcut(x)


class MovedNet(nn.Module):
    """A stem and four blocks of 1x1 layers; what is spatial in them are the moves alone."""

    def __init__(self, move: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1 = ShiftConv2d(1, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            MovedBlock(move, 16, 16, 1),
            MovedBlock(move, 16, 32, 2),
            MovedBlock(move, 32, 32, 1),
            MovedBlock(move, 32, 64, 2),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = ShiftLinear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        x = self.blocks(torch.relu(self.bn1(self.conv1(x))))
        return self.linear(self.pool(x).flatten(1))


class ShiftNet(MovedNet):
    """Shift (CVPR 2018): fixed displacements, nine of them, shared out over the channels."""

    def __init__(self) -> None:
        super().__init__(GroupedShift)


class SparseShiftNet(MovedNet):
    """SSL (CVPR 2019): learnt displacements, most of which end at none."""

    def __init__(self) -> None:
        super().__init__(SparseShift)


class AddressBlock(nn.Module):
    """Grouped 1x1, channel shift, address shift, grouped 1x1 (AddressNet, WACV 2019).

    At stride 1 the input is added; at stride 2 the input's averages are concatenated, a shortcut
    without weights.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 2) -> None:
        super().__init__()
        made = outputs - inputs if stride > 1 else outputs
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 1, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.rotate = ChannelShift(outputs, outputs // groups // 2)
        self.address = AddressShift(outputs)
        self.conv2 = nn.Conv2d(outputs, made, 1, stride, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(made)
        self.pool = nn.AvgPool2d(3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, C', H/stride, W/stride)``."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(self.address(self.rotate(y))))
        if self.stride == 1:
            return torch.relu(x + y)
        return torch.relu(torch.cat([y, self.pool(x)], 1))


class AddressNet(nn.Module):
    """AddressNet: grouped 1x1 layers between moves of addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.blocks = nn.Sequential(
            *(AddressBlock(24, 24, 1) for _ in range(2)),
            AddressBlock(24, 48, 2),
            *(AddressBlock(48, 48, 1) for _ in range(2)),
            AddressBlock(48, 96, 2),
            AddressBlock(96, 96, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        x = self.blocks(torch.relu(self.bn1(self.conv1(x))))
        return self.linear(self.pool(x).flatten(1))
