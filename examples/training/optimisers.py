"""A phase's optimiser."""

from typing import Any

import torch

from slipstick.nn import ShiftConv2d, ShiftLinear
from training.recipes import Phase

ADAPTIVE = {"adam": torch.optim.Adam, "radam": torch.optim.RAdam}


def make_optimiser(model: torch.nn.Module, phase: Phase) -> torch.optim.Optimizer:
    """The phase's optimiser; with SGD, shift weights are slower and without weight decay.

    At AdderNet's rate the last BatchNorm ended below zero, so that its ReLU let nothing through.
    """
    if phase.optimiser in ADAPTIVE:
        return ADAPTIVE[phase.optimiser](model.parameters(), phase.rate)
    layers = [m for m in model.modules() if isinstance(m, ShiftConv2d | ShiftLinear)]
    shift = [weight for layer in layers for weight in layer.weights()]
    slow = {id(weight) for weight in shift}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) not in slow], "weight_decay": 5e-4}
    ]
    if shift:
        groups.append({"params": shift, "lr": phase.shift_rate})
    return torch.optim.SGD(groups, phase.rate, momentum=0.9)
