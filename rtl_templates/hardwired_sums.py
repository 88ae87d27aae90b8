"""Sums of many inputs, several at once, as one graph of adders."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Const, Module, Value

from slipstick.rtl_templates.adder_graph import AdderCircuit, AdderGraph, Operand
from slipstick.rtl_templates.arithmetic import tree_latency
from slipstick.rtl_templates.column_sums import ColumnSum
from slipstick.rtl_templates.shared_sums import SharedSums

ROOM = 1.5
"""Leaves of a tree over the longest sum to its operands. A shared sum stands higher in some outputs
than they need it; without any room, little can be shared."""


@dataclass(frozen=True)
class HardwiredSums:
    """A solved graph.

    An output is its sum of operands and a constant: what inverting misses. `evaluate` at inputs
    whose sums are 0 gives the constants.

    Attributes
    ----------
    graph : the adders.
    outputs : where each output is, None where it has no operands and is 0.
    depth : adders one behind the other from the inputs to all outputs, at least 1.
    """

    graph: AdderGraph
    outputs: tuple[Operand | None, ...]
    depth: int

    @property
    def high(self) -> int:
        """The largest value of any output."""
        return max((self.graph.high(o) for o in self.outputs if o), default=0)

    def evaluate(self, inputs: Sequence[int]) -> list[int]:
        """The outputs for unsigned ``inputs``."""
        nodes = self.graph.evaluate(inputs)
        return [self.graph.value(o, nodes) if o else 0 for o in self.outputs]

    def latency(self, adders: int = 1) -> int:
        """Cycles with so many ``adders`` one behind the other in each."""
        return -(-self.depth // adders)

    def build(self, m: Module, inputs: Sequence[Value], adders: int = 1) -> list[Value]:
        """The circuit in ``m``; the outputs, `latency` cycles after the inputs."""
        circuit = AdderCircuit(m, self.graph, inputs, adders)
        cycle = self.latency(adders)
        return [circuit.at(o, cycle) if o else Const(0) for o in self.outputs]


def solve(
    highs: Sequence[int],
    sums: Sequence[Sequence[Operand]],
    subtracted: Sequence[Sequence[Operand]] = (),
) -> HardwiredSums:
    """Few adders for ``sums`` of inputs of ``[0, high]``. Deterministic.

    Each of ``subtracted`` is formed once and taken off as many of the sums as of the others, in
    their order.
    """
    graph = AdderGraph(list(highs))
    left = [list(operands) for operands in sums]
    for index, operands in enumerate(subtracted):
        total = ColumnSum(graph, operands, tree_latency(len(operands))).run()
        share = len(left) // len(subtracted)
        for output in left[index * share : (index + 1) * share]:
            output.append(total._replace(negative=True))
    longest = max((_leaves(graph, operands) for operands in left), default=0)
    depth = max(1, tree_latency(math.ceil(ROOM * longest) if longest > 2 else longest))
    SharedSums(graph, left, depth).run()
    outputs = tuple(
        ColumnSum(graph, operands, depth).run() if operands else None for operands in left
    )
    return HardwiredSums(graph, outputs, depth)


def _leaves(graph: AdderGraph, operands: Sequence[Operand]) -> int:
    """Inputs of a balanced tree in which ``operands`` stand as high as they are there."""
    return sum(1 << graph.levels[operand.node] for operand in operands)
