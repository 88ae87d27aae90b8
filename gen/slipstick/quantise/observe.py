"""What the trained network's tensors look like on calibration images."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from slipstick.frontend import FloatGraph, run_float_batches

IMAGES = 512
"""Images that set the scales; more change nothing but the time."""
SAMPLES = 1 << 16
"""Values kept of a tensor, spread evenly over images and places."""


@dataclass(frozen=True)
class Observation:
    """One tensor on the calibration images.

    Attributes
    ----------
    samples : float64 ``(n,)``, some of its values.
    mean : float64 ``(C,)``.
    """

    samples: torch.Tensor
    mean: torch.Tensor


def observe(graph: FloatGraph, images: torch.Tensor) -> Mapping[str, Observation]:
    """Executes ``graph`` on ``images`` ``(N, C, H, W)``; name of the node to observation."""
    images = images[:IMAGES]
    kept: dict[str, list[torch.Tensor]] = {node.name: [] for node in graph.nodes}
    sums: dict[str, torch.Tensor] = {}
    for values in run_float_batches(graph, images):
        for name, value in values.items():
            total = value.numel() // len(value) * len(images)
            stride = max(1, total // SAMPLES)
            kept[name].append(value.flatten()[::stride].double())
            share = value.double().mean(dim=(2, 3)).sum(dim=0)
            sums[name] = sums.get(name, 0) + share
    return {
        name: Observation(torch.cat(parts), sums[name] / len(images))
        for name, parts in kept.items()
    }
