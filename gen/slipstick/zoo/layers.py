"""Small pieces that networks of several systems share."""

from collections.abc import Callable, Sequence

from torch import nn

Convolution = Callable[[int, int, int, int], list[nn.Module]]
"""``(inputs, outputs, kernel, stride)`` to the layers that stand for one convolution."""


def joined(layers: Sequence[nn.Module]) -> nn.Module:
    """One layer as it is; several as a sequence, with the keys ``0.``, ``1.``."""
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def plain(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """An ordinary convolution that keeps the size at stride 1, without bias."""
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]
