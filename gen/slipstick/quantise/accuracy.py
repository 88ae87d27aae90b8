"""How often the network is right, as floats and as integers, and what saturates."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import torch

from slipstick.frontend import FloatArgmax, FloatGraph, run_float_batches
from slipstick.graph import Affine, Argmax, Graph, run_batches
from slipstick.graph.execute import execute

UNBOUNDED = 1 << 62


def float_accuracy(graph: FloatGraph, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of ``images`` that the trained network classifies as ``labels`` say; -1 is unknown."""
    results = (values[graph.output] for values in run_float_batches(graph, images))
    return _share(results, isinstance(graph[graph.output], FloatArgmax), labels)


def integer_accuracy(graph: Graph, frames: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of integer ``frames`` that the golden model classifies as ``labels`` say."""
    results = (values[graph.output] for values in run_batches(graph, frames))
    return _share(results, isinstance(graph[graph.output], Argmax), labels)


def _share(results: Iterable[torch.Tensor], are_classes: bool, labels: torch.Tensor) -> float:
    found = torch.cat([_classes(result.flatten(1), are_classes) for result in results])
    known = labels >= 0
    return float((found == labels)[known].double().mean())


def _classes(result: torch.Tensor, are_classes: bool) -> torch.Tensor:
    """The class of each frame ``(N, C)``; the lowest of equally likely ones."""
    if are_classes:
        return result[:, 0]
    best = result == result.amax(dim=1, keepdim=True)
    # The first of the ones; argmax of equal values promises none.
    return (best.cumsum(dim=1) == 0).sum(dim=1)


def saturations(graph: Graph, frames: torch.Tensor) -> dict[str, int]:
    """Values that each affine cut off at the end of its format, on integer ``frames``.

    A bound that is a ReLU or a clamp of the network is not counted: it cuts off on purpose.
    """
    affines = [node for node in graph.nodes if isinstance(node, Affine)]
    counts: Counter[str] = Counter({node.name: 0 for node in affines})
    for values in run_batches(graph, frames):
        for node in affines:
            counts[node.name] += _cut_off(node, values[node.inputs[0]])
    return dict(counts)


def _cut_off(node: Affine, source: torch.Tensor) -> int:
    unbounded = execute(replace(node, lo=-UNBOUNDED, hi=UNBOUNDED), source)
    below, above = node.saturates
    return above * int((unbounded > node.hi).sum()) + below * int((unbounded < node.lo).sum())
