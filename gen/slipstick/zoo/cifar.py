"""The residual network for 32x32 images of Shift's and DeepShift's released code.

``conv1``, ``bn1``, ``layer1`` and on, and a ``linear`` classifier: the structure of
alvinwan/shiftresnet-cifar ``models/resnet.py`` and mostafaelhoushi/DeepShift
``cifar10_models/resnet.py``, which differ in their blocks.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

Block = Callable[[int, int, int], nn.Module]
"""``(inputs, outputs, stride)`` to a residual block."""

WIDTHS = (16, 32, 64)


class CifarResNet(nn.Module):
    """3x3 stem, stages that halve the image but for the first, global average, classifier."""

    def __init__(
        self,
        block: Block,
        counts: Sequence[int],
        classes: int,
        input_channels: int,
        widths: Sequence[int] = WIDTHS,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        self.stages = [f"layer{number}" for number in range(1, len(widths) + 1)]
        for name, width, count in zip(self.stages, widths, counts, strict=True):
            stage = nn.Sequential()
            for index in range(count):
                stage.append(block(inputs, width, 2 if index == 0 and name != "layer1" else 1))
                inputs = width
            self.add_module(name, stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.linear(self.avgpool(x).flatten(1))
