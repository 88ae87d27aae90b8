"""Float images as integers of a graph's input."""

import torch

from slipstick.graph import Graph, Input


def quantise_input(graph: Graph, images: torch.Tensor) -> torch.Tensor:
    """``images`` on the input's grid: rounded half up, saturated; int64 ``(N, C, H, W)``."""
    node = graph.input
    assert isinstance(node, Input)
    scaled = torch.floor(images.double() * 2.0**node.frac + 0.5).clamp(node.lo, node.hi)
    return scaled.to(torch.int64).reshape(len(images), *node.shape)
