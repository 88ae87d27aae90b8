"""Small networks of S3, DenseShift, APoT and DiracDeltaNet, for 28x28 grey images in 10 classes."""

from functools import partial

import torch
from torch import nn

from slipstick.nn import (
    APoTConv2d,
    DenseShiftConv2d,
    FiveDirectionShift,
    QuarterRotate,
    S3Conv2d,
)
from training.networks import Layer


def normalised(conv: nn.Module, channels: int) -> nn.Sequential:
    """``conv``, BatchNorm and ReLU."""
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class PowerNet(nn.Module):
    """Convolutions of a kind between an ordinary stem and classifier, as in the papers."""

    def __init__(self, conv: Layer) -> None:
        super().__init__()
        self.stem = normalised(nn.Conv2d(1, 16, 3, 2, 1, bias=False), 16)
        self.layers = nn.Sequential(
            normalised(conv(16, 32, 3, padding=1, bias=False), 32),
            normalised(conv(32, 32, 3, stride=2, padding=1, bias=False), 32),
            normalised(conv(32, 64, 3, padding=1, bias=False), 64),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        return self.linear(self.pool(self.layers(self.stem(x))).flatten(1))


S3Net = partial(PowerNet, S3Conv2d)
DenseShiftNet = partial(PowerNet, DenseShiftConv2d)
APoTNet = partial(PowerNet, APoTConv2d)


class DeltaBlock(nn.Module):
    """Half the channels go through 1x1, five-direction shift, 1x1; the others stay as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = self.half = channels // 2
        self.first = normalised(nn.Conv2d(half, half, 1, bias=False), half)
        self.shift = FiveDirectionShift(half)
        self.second = normalised(nn.Conv2d(half, half, 1, bias=False), half)
        self.rotate = QuarterRotate(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to the same."""
        y = self.second(self.shift(self.first(x[:, self.half :])))
        return self.rotate(torch.cat([x[:, : self.half], y], 1))


class DeltaReduction(nn.Module):
    """Twice the channels of half the image: both branches are pooled, one is shifted before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.direct = normalised(nn.Conv2d(channels, channels, 1, bias=False), channels)
        self.first = normalised(nn.Conv2d(channels, channels, 1, bias=False), channels)
        self.shift = FiveDirectionShift(channels)
        self.second = normalised(nn.Conv2d(channels, channels, 1, bias=False), channels)
        self.rotate = QuarterRotate(2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, C, H, W)`` to ``(N, 2 C, H/2, W/2)``."""
        y = self.second(self.pool(self.shift(self.first(x))))
        return self.rotate(torch.cat([self.direct(self.pool(x)), y], 1))


class DiracDeltaNet(nn.Module):
    """DiracDeltaNet (Synetgy, Yang et al. 2019): 1x1 layers, shifts, pools and rotations."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = normalised(nn.Conv2d(1, 32, 3, 2, 1, bias=False), 32)
        self.blocks = nn.Sequential(
            DeltaBlock(32),
            DeltaBlock(32),
            DeltaReduction(32),
            *(DeltaBlock(64) for _ in range(4)),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, 10)`` of images ``(N, 1, 28, 28)``."""
        return self.linear(self.pool(self.blocks(self.stem(x))).flatten(1))
