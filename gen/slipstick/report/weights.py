"""Pictures of a layer's weights: how often each exponent or value occurs."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from slipstick.graph import Graph, L1Matmul, Node, ShiftMatmul
from slipstick.report.text import number, percent, power_of_two

L1_BINS = 24


@dataclass(frozen=True)
class Bar:
    """One bar: counts drawn upwards and downwards from the axis."""

    label: str
    up: int
    down: int = 0


@dataclass(frozen=True)
class Histogram:
    """The weights of one layer.

    Attributes
    ----------
    legend : what up, down and the axis mean.
    note : the figures that a picture does not show.
    """

    name: str
    kind: str
    bars: tuple[Bar, ...]
    legend: str
    note: str

    @property
    def highest(self) -> int:
        """The largest count upwards; at least one, so that it can divide."""
        return max(1, *(bar.up for bar in self.bars))

    @property
    def deepest(self) -> int:
        """The largest count downwards."""
        return max(bar.down for bar in self.bars)


def histograms(graph: Graph) -> tuple[Histogram, ...]:
    """A histogram for each node that has weights."""
    found = (histogram(node, graph) for node in graph.nodes)
    return tuple(picture for picture in found if picture)


@singledispatch
def histogram(node: Node, graph: Graph) -> Histogram | None:
    """The picture of ``node``'s weights, None if it has none."""
    return None


@histogram.register
def _(node: ShiftMatmul, graph: Graph) -> Histogram:
    exponents = node.exponent - node.weight_frac
    used = exponents[node.sign != 0]
    low, high = (int(used.min()), int(used.max())) if used.size else (0, 0)
    bars = tuple(
        Bar(
            power_of_two(exponent),
            int(((exponents == exponent) & (node.sign > 0)).sum()),
            int(((exponents == exponent) & (node.sign < 0)).sum()),
        )
        for exponent in range(low, high + 1)
    )
    zero = (node.sign == 0).all(axis=0)
    terms = np.abs(node.sign).sum() / zero.size
    note = (
        f"{number(zero.size)} weights, {percent(float(zero.mean()))} of them zero, "
        f"{terms:.2f} shifted terms a weight"
    )
    return Histogram(node.name, "shift", bars, "terms +2ᵏ up, −2ᵏ down", note)


@histogram.register
def _(node: L1Matmul, graph: Graph) -> Histogram:
    weights = node.weight
    low, high = int(weights.min()), int(weights.max())
    bins = min(L1_BINS, high - low + 1)
    counts, edges = np.histogram(weights, bins=bins, range=(low, high + 1))
    bars = tuple(
        Bar(number(int(np.ceil(edge))), int(count))
        for edge, count in zip(edges, counts, strict=False)
    )
    source = graph.tensors[node.inputs[0]]
    ends = (int(source.lo.min()), int(source.hi.max()))
    at_ends = float(((weights <= ends[0]) | (weights >= ends[1])).mean())
    note = (
        f"{number(weights.size)} weights, {percent(at_ends)} of them at an end of the input's "
        f"range {ends[0]}…{ends[1]}, where |x − w| is x or a constant minus x"
    )
    return Histogram(node.name, "l1", bars, "weights by value", note)
