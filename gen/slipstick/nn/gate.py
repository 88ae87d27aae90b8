"""Gates that scale a channel by a power of two, chosen by the image: shifts, no multiplications."""

from collections.abc import Callable

import torch
from torch import nn

from slipstick.nn.arguments import integer
from slipstick.nn.gate_ops import MOST_LEVELS, power_of_two_gate


class PowerOfTwoGate(nn.Module):
    """``x * 2^-k`` with ``2^-k`` the sigmoid of a logit, rounded to a power of two.

    ``k = clamp(round(-log2(sigmoid(z))), 0, levels - 1)``: each channel of each image is shifted
    right by ``k`` places. The gradient passes straight through the rounding, so that the logit
    gets that of ``x * sigmoid(z)``.

    Parameters
    ----------
    levels : gates there are, 1 to ``2^-(levels - 1)``.
    """

    def __init__(self, levels: int = 8) -> None:
        super().__init__()
        self.levels = integer("Levels", levels, 2)
        if levels > MOST_LEVELS:
            raise ValueError(f"Levels must be at most {MOST_LEVELS}, not {levels!r}")

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Gates ``x (N, C, H, W)`` by the logits ``z``, (N, C) or (N, C, 1, 1)."""
        vector = z.flatten(1) if z.ndim == 4 and z.shape[2:] == (1, 1) else z
        return power_of_two_gate(x, vector, self.levels)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"


class GatedExcitation(nn.Module):
    """Squeeze and excitation (Hu et al. 2018) with a `PowerOfTwoGate` in place of the product.

    The mean of each channel, ``fc1``, ReLU and ``fc2`` give the logits of ``gate``.

    Parameters
    ----------
    channels : of input and output.
    reduction : the hidden layer has ``channels // reduction`` features, at least one.
    levels : as of `PowerOfTwoGate`.
    linear : makes ``fc1`` and ``fc2`` of their in and out features.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        levels: int = 8,
        linear: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        hidden = max(1, integer("Channels", channels, 1) // integer("Reduction", reduction, 1))
        self.fc1 = linear(channels, hidden)
        self.fc2 = linear(hidden, channels)
        self.gate = PowerOfTwoGate(levels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(x, self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))
