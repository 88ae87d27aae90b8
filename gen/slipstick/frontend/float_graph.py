"""The float graph: what `import_program` makes of an exported network."""

from dataclasses import dataclass

from slipstick.frontend.nodes import FloatInput, FloatNode


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """Nodes in an order in which each comes after those it reads; the first is the input.

    Attributes
    ----------
    nodes : the nodes.
    output : name of the node whose tensor leaves the network.
    """

    nodes: tuple[FloatNode, ...]
    output: str

    def __getitem__(self, name: str) -> FloatNode:
        return next(node for node in self.nodes if node.name == name)

    @property
    def input(self) -> FloatInput:
        """The node through which images enter."""
        first = self.nodes[0]
        assert isinstance(first, FloatInput)
        return first

    @property
    def names(self) -> tuple[str, ...]:
        """Every node's name: what a configuration may have a ``[layer]`` section for."""
        return tuple(node.name for node in self.nodes)

    def consumers(self, name: str) -> tuple[FloatNode, ...]:
        """The nodes that read tensor ``name``, one entry per read."""
        return tuple(node for node in self.nodes for source in node.inputs if source == name)
