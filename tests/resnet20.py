"""ResNet-20 for 32x32x3 images with shift, adder or shift-add layers, untrained."""

import torch
from torch import nn

from slipstick.nn import AdderConv2d, ShiftConv2d


def layer(kind: str, inputs: int, outputs: int, size: int, stride: int) -> nn.Module:
    """A convolution of the network's kind."""
    shift = ShiftConv2d(inputs, outputs, size, stride, size // 2, bias=False, weight_bits=4)
    if kind == "shift":
        return shift
    if kind == "adder":
        return AdderConv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(shift, AdderConv2d(outputs, outputs, size, 1, size // 2, bias=False))


class Block(nn.Module):
    """Two layers beside the identity or a strided 1x1 layer."""

    def __init__(self, kind: str, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = layer(kind, inputs, outputs, 3, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = layer(kind, outputs, outputs, 3, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                layer(kind, inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = self.downsample(x) if self.downsample is not None else x
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet20(nn.Module):
    """Stem, three stages of three blocks, global average, classifier, BatchNorm on logits."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = (16, 16, 32, 64)
        self.stages = nn.Sequential(
            *(
                Block(
                    kind,
                    widths[stage] if block else widths[stage - 1],
                    widths[stage],
                    2 if stage > 1 and not block else 1,
                )
                for stage in (1, 2, 3)
                for block in range(3)
            )
        )
        self.pool = nn.AvgPool2d(8)
        self.fc = nn.Conv2d(64, 10, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.fc(self.pool(self.stages(x)))).flatten(1)


def random_resnet20(kind: str, seed: int = 0) -> ResNet20:
    """Random weights, and the BatchNorm statistics that belong to them."""
    torch.manual_seed(seed)
    model = ResNet20(kind)
    with torch.no_grad():
        for _ in range(8):
            model(torch.rand(8, 3, 32, 32))
    return model.eval()
