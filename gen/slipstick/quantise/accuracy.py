"""How often the network is right, as floats and as integers, and what saturates."""

from collections import Counter
from dataclasses import replace

import torch

from slipstick.frontend import FloatGraph, run_float_batches
from slipstick.graph import Affine, Argmax, Graph, run_batches
from slipstick.graph.execute import execute

UNBOUNDED = 1 << 62


def classes_of(result: torch.Tensor, is_index: bool) -> torch.Tensor:
    """The class of each frame of a network's result ``(N, C, 1, 1)``; lowest index on a tie."""
    if is_index:
        return result.flatten(1)[:, 0].long()
    logits = result.flatten(1)
    best = logits == logits.max(dim=1, keepdim=True).values
    return best.float().argmax(dim=1)


def float_accuracy(graph: FloatGraph, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of ``images`` that the trained network classifies as ``labels`` say."""
    is_index = type(graph[graph.output]).__name__ == "FloatArgmax"
    found = [
        classes_of(values[graph.output], is_index) for values in run_float_batches(graph, images)
    ]
    return float((torch.cat(found) == labels).double().mean())


def integer_accuracy(graph: Graph, integers: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of integer frames that the golden model classifies as ``labels`` say."""
    is_index = isinstance(graph[graph.output], Argmax)
    found = [
        classes_of(values[graph.output], is_index) for values in run_batches(graph, integers)
    ]
    return float((torch.cat(found) == labels).double().mean())


def saturations(graph: Graph, integers: torch.Tensor) -> dict[str, int]:
    """Values that each affine cut off at the end of its format, on ``integers`` frames.

    A bound that is a ReLU or a clamp of the network is not counted: it cuts off on purpose.
    """
    counts: Counter[str] = Counter()
    affines = [node for node in graph.nodes if isinstance(node, Affine)]
    for values in run_batches(graph, integers):
        for node in affines:
            free = replace(node, lo=-UNBOUNDED, hi=UNBOUNDED)
            unbounded = execute(free, values[node.inputs[0]])
            counts[node.name] += int((unbounded > node.hi).sum()) if _is_format(node.hi) else 0
            counts[node.name] += int((unbounded < node.lo).sum()) if node.lo else 0
    return {node.name: counts[node.name] for node in affines}


def _is_format(hi: int) -> bool:
    """Whether an upper bound is all ones, that of a format."""
    return hi & (hi + 1) == 0
