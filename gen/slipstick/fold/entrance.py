"""How the network's input enters the circuit: as the first engine that reads it takes it."""

import math

from slipstick.fold.engine_fold import Fold, Shape, chunked
from slipstick.graph import Flatten, Graph
from slipstick.streams import Layout

MOST_DEFAULT_LANES = 16
"""Channels up to which a pixel that no engine reads passes as one beat."""


def carrier(graph: Graph, tensor: str) -> str:
    """The tensor whose stream also is that of ``tensor``: a flatten renames its input."""
    node = graph[tensor]
    return carrier(graph, node.inputs[0]) if isinstance(node, Flatten) else tensor


def entering_names(graph: Graph) -> frozenset[str]:
    """What an engine may call the network's input, for the first such engine to decide on it.

    That is the input's own name, or those of its flattens where nothing reads its pixels.
    """
    name = graph.input.name
    if not _is_only_flattened(graph):
        return frozenset({name})
    return frozenset(
        node.name
        for node in graph.nodes
        if isinstance(node, Flatten) and carrier(graph, node.name) == name
    )


def entering_layout(graph: Graph, lanes: int | None) -> Layout:
    """The input's layout with as many values a beat as its first engine takes, None without one.

    An image that is only flattened has no pixels for the circuit: a beat may hold several, and
    the layout is that of the whole image, pixel by pixel as frames lie in memory.
    """
    shape = graph.tensors[graph.input.name].shape
    channels = shape[0]
    if lanes is None:
        return Layout.natural(channels, channels if channels <= MOST_DEFAULT_LANES else 1)
    natural = Layout.natural(channels, lanes)
    return chunked(natural.flattened(shape), lanes) if _is_only_flattened(graph) else natural


def first_lanes(shape: Shape, fold: Fold) -> int:
    """Channels a beat that an engine of ``shape`` takes of the network's input."""
    spans = shape.groups > 1 and fold.outputs > shape.group_outputs
    return fold.inputs * (fold.outputs // shape.group_outputs if spans else 1)


def _is_only_flattened(graph: Graph) -> bool:
    name = graph.input.name
    readers = graph.consumers(name)
    _, *size = graph.tensors[name].shape
    return (
        math.prod(size) > 1
        and name != graph.output
        and all(isinstance(reader, Flatten) for reader in readers)
    )
