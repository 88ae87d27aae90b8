"""What the trained network's tensors look like on calibration images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from slipstick.frontend import FloatGraph, run_float_batches

IMAGES = 512
"""Images that set the scales; more change nothing but the time."""
SAMPLES = 1 << 16
"""Values kept of a tensor, spread evenly over images, channels and places."""


@dataclass(frozen=True)
class Observation:
    """One tensor on the calibration images.

    Attributes
    ----------
    samples : float64 ``(n,)``, some of its values, the smallest and the largest among them.
    mean, low, high : float64 ``(C,)``, of each channel.
    """

    samples: torch.Tensor
    mean: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor


def observe(graph: FloatGraph, images: torch.Tensor) -> Mapping[str, Observation]:
    """Executes ``graph`` on some of ``images`` ``(N, C, H, W)``; node name to observation."""
    images = spread(images)
    parts: dict[str, list[Observation]] = {node.name: [] for node in graph.nodes}
    sizes: list[int] = []
    for values in run_float_batches(graph, images):
        for name, value in values.items():
            wanted = max(1, SAMPLES * len(value) // len(images))
            parts[name].append(_observed(value, wanted))
        sizes.append(len(values[graph.output]))
    return {name: _joined(observed, sizes) for name, observed in parts.items()}


def spread(images: torch.Tensor) -> torch.Tensor:
    """At most `IMAGES` of ``images``, evenly: a file may be sorted by class."""
    count = min(len(images), IMAGES)
    return images[torch.linspace(0, len(images) - 1, count).long()]


def _observed(value: torch.Tensor, wanted: int) -> Observation:
    axes = (0, 2, 3)
    low, high = value.amin(axes), value.amax(axes)
    some = torch.cat([_some(value.flatten(), wanted), low.amin()[None], high.amax()[None]])
    return Observation(some.double(), value.double().mean(axes), low.double(), high.double())


def _some(values: torch.Tensor, wanted: int) -> torch.Tensor:
    """About ``wanted`` of ``values``, whose distance shares no factor with rows or planes."""
    step = max(1, len(values) // wanted)
    while math.gcd(step, len(values)) > 1:
        step += 1
    return values[::step]


def _joined(parts: list[Observation], sizes: list[int]) -> Observation:
    """One observation of all batches, of ``sizes`` images each."""
    weighted = [part.mean * size for part, size in zip(parts, sizes, strict=True)]
    total = torch.stack(weighted).sum(dim=0)
    return Observation(
        torch.cat([part.samples for part in parts]),
        total / sum(sizes),
        torch.stack([part.low for part in parts]).amin(dim=0),
        torch.stack([part.high for part in parts]).amax(dim=0),
    )
