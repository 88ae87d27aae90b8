"""The integer graph: the one description of a network that every later stage reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slipstick.graph.infer import infer
from slipstick.graph.nodes import Input, Node
from slipstick.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which each comes after those it reads; the first is the `Input`.

    Attributes
    ----------
    nodes : the nodes.
    output : name of the node whose tensor leaves the network.
    tensors : name to `Tensor`, derived from the nodes: shapes, grids, proven intervals.
    """

    nodes: tuple[Node, ...]
    output: str
    tensors: Mapping[str, Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tensors: dict[str, Tensor] = {}
        for position, node in enumerate(self.nodes):
            if isinstance(node, Input) != (position == 0):
                raise ValueError(f"Graph must have one Input, first, not node {node.name!r}")
            if node.name in tensors:
                raise ValueError(f"Node names must differ, but {node.name!r} stands twice")
            unknown = [name for name in node.inputs if name not in tensors]
            if unknown:
                raise ValueError(f"Node {node.name!r} must read earlier nodes, not {unknown!r}")
            tensors[node.name] = infer(node, *(tensors[name] for name in node.inputs))
        if self.output not in tensors:
            raise ValueError(f"Graph output must be a node, not {self.output!r}")
        object.__setattr__(self, "tensors", MappingProxyType(tensors))

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def input(self) -> Node:
        """The node through which frames enter."""
        return self.nodes[0]

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read tensor ``name``, one entry per read."""
        return tuple(node for node in self.nodes for source in node.inputs if source == name)
