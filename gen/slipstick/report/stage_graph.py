"""The stages of a build as a graph in rows: who reads whom, and how far apart they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx

from slipstick.build_folder import Manifest
from slipstick.graph import Graph, Input

INPUT = -1
"""The vertex through which frames enter; stages are vertices 0, 1, ... as in the manifest."""


@dataclass(frozen=True)
class Pass:
    """Where an edge that skips rows passes ``row``."""

    source: int
    target: int
    row: int


Item = int | Pass


@dataclass(frozen=True)
class Rows:
    """Vertices and passes, row by row from the input.

    Attributes
    ----------
    rows : items from left to right: the stages, then the edges that pass beside them.
    links : pairs of items in neighbouring rows.
    """

    rows: tuple[tuple[Item, ...], ...]
    links: tuple[tuple[Item, Item], ...]
    readers: Mapping[Item, tuple[Item, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        readers: dict[Item, tuple[Item, ...]] = {}
        for source, target in self.links:
            readers[source] = (*readers.get(source, ()), target)
        object.__setattr__(self, "readers", readers)

    @property
    def most_passes(self) -> int:
        """The largest number of edges that pass beside one row."""
        return max(sum(isinstance(item, Pass) for item in row) for row in self.rows)


def arrange(manifest: Manifest, graph: Graph) -> Rows:
    """The stages of ``manifest`` in rows, each as far down as its longest way from the input."""
    network = nx.DiGraph()
    network.add_node(INPUT)
    network.add_nodes_from(range(len(manifest.stages)))
    network.add_edges_from(_edges(manifest, graph))
    generations = [sorted(row) for row in nx.topological_generations(network)]
    depth = {vertex: row for row, members in enumerate(generations) for vertex in members}
    rows: list[list[Item]] = [list(row) for row in generations]
    links: list[tuple[Item, Item]] = []
    for source, target in sorted(network.edges):
        passes = [Pass(source, target, row) for row in range(depth[source] + 1, depth[target])]
        for item in passes:
            rows[item.row].append(item)
        links += list(zip([source, *passes], [*passes, target], strict=True))
    return Rows(_ordered(rows, links), tuple(links))


def _edges(manifest: Manifest, graph: Graph) -> list[tuple[int, int]]:
    """Edges between stages; a node without a stage, such as a flatten, is looked through."""
    owner: dict[str, int] = {}
    stages = {name: n for n, stage in enumerate(manifest.stages) for name in stage.nodes}
    for node in graph.nodes:
        if isinstance(node, Input):
            owner[node.name] = INPUT
        else:
            owner[node.name] = stages.get(node.name, owner[node.inputs[0]])
    return [
        (owner[tensor], number)
        for number, stage in enumerate(manifest.stages)
        for tensor in stage.inputs
    ]


def _ordered(
    rows: list[list[Item]], links: list[tuple[Item, Item]]
) -> tuple[tuple[Item, ...], ...]:
    """Each row sorted so that items stand below what they read; passes to the right."""
    position: dict[Item, float] = {}
    ordered = []
    for row in rows:
        middles = {
            item: _mean([position[source] for source, target in links if target == item])
            for item in row
        }
        row = sorted(row, key=lambda item: (isinstance(item, Pass), middles[item]))
        position |= {item: float(place) for place, item in enumerate(row)}
        ordered.append(tuple(row))
    return tuple(ordered)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
