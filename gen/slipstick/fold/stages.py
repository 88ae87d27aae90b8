"""Which nodes of the integer graph share one stage of the circuit."""

import re
from dataclasses import dataclass
from functools import singledispatch

from slipstick.graph import (
    Add,
    Affine,
    Flatten,
    Gate,
    Graph,
    Input,
    L1Matmul,
    Move,
    Node,
    Pool,
    ShiftMatmul,
)

RESERVED = frozenset(
    """always and assign automatic begin bit buf byte case cell class clk config const default
    disable do edge else end enum event export extends extern final for force function generate
    genvar global if import include initial inout input int integer interface join large library
    local logic macromodule medium module nand negedge new nor not null or output package
    packed parameter posedge primitive priority process program property protected pull0 pull1
    pure rand randc real realtime ref reg release repeat return rst scalared sequence shortint
    signed small solve specify static string strong0 strong1 struct super supply0 supply1 table
    tagged task this time top tri type typedef union unique unsigned use var vectored virtual
    void wait wand weak0 weak1 while wire with within wor xnor xor
    i_data i_last i_valid i_ready o_data o_last o_valid o_ready error_short error_long""".split()
)
"""Words a Verilog or SystemVerilog reader would not take as a name, and our own port names."""


@dataclass(frozen=True)
class StageNodes:
    """One stage: a node, the move that it alone reads, and the affine that alone reads it.

    Attributes
    ----------
    instance : name in the hardware.
    move : where the node's one tap finds each channel, if that is part of the stage.
    node : what it computes.
    affine : what requantises it, if that is part of the stage.
    inputs : tensors it reads, flattens looked through.
    """

    instance: str
    move: Move | None
    node: Node
    affine: Affine | None
    inputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """The tensor that leaves the stage."""
        return (self.affine or self.node).name

    @property
    def members(self) -> tuple[Node, ...]:
        """The nodes it implements, in their order."""
        return tuple(node for node in (self.move, self.node, self.affine) if node)


@singledispatch
def takes_move(node: Node) -> bool:
    """Whether a stage of ``node`` can read moved channels where they lie: it has one tap."""
    return False


@takes_move.register(ShiftMatmul)
@takes_move.register(L1Matmul)
def _(node: ShiftMatmul | L1Matmul) -> bool:
    return node.window.taps == 1 and not node.window.pads


@singledispatch
def takes_affine(node: Node) -> bool:
    """Whether a stage of ``node`` has room for the affine behind it."""
    return False


@takes_affine.register(ShiftMatmul)
@takes_affine.register(L1Matmul)
@takes_affine.register(Pool)
@takes_affine.register(Add)
@takes_affine.register(Gate)
@takes_affine.register(Move)
def _(node: Node) -> bool:
    return True


def stages_of(graph: Graph) -> tuple[StageNodes, ...]:
    """The stages of ``graph`` in its order. The input and flattens are none."""
    stages: list[StageNodes] = []
    fused: set[str] = set()
    names = NameTable()
    for node in graph.nodes:
        if (
            isinstance(node, (Input, Flatten))
            or node.name in fused
            or _is_read_in_place(graph, node)
        ):
            continue
        move = _move_before(graph, node)
        affine = _affine_behind(graph, node) if takes_affine(node) else None
        if affine:
            fused.add(affine.name)
        inputs = move.inputs if move else node.inputs
        stages.append(StageNodes(names.legal(node.name), move, node, affine, inputs))
    return tuple(stages)


def _is_read_in_place(graph: Graph, node: Node) -> bool:
    """Whether ``node`` is a move that is part of its only reader's stage."""
    readers = graph.consumers(node.name)
    alone = len(readers) == 1 and node.name != graph.output
    return isinstance(node, Move) and alone and takes_move(readers[0])


def _move_before(graph: Graph, node: Node) -> Move | None:
    if len(node.inputs) != 1:
        return None
    source = graph[node.inputs[0]]
    return source if isinstance(source, Move) and _is_read_in_place(graph, source) else None


def _affine_behind(graph: Graph, node: Node) -> Affine | None:
    readers = graph.consumers(node.name)
    if len(readers) == 1 and isinstance(readers[0], Affine) and node.name != graph.output:
        return readers[0]
    return None


class NameTable:
    """Hands out names that are legal in Verilog, C and file systems, and differ.

    Parameters
    ----------
    longest : characters kept of a name.
    """

    def __init__(self, longest: int = 48) -> None:
        self._longest = longest
        self._taken: set[str] = set()

    def legal(self, name: str) -> str:
        """``name`` with other characters than ``[a-z0-9_]`` replaced, unlike all before."""
        base = re.sub(r"_+", "_", re.sub(r"[^a-z0-9_]", "_", name.lower())).strip("_")[
            : self._longest
        ]
        if not base or base[0].isdigit():
            base = f"layer_{base}".rstrip("_")
        if base in RESERVED:
            base = f"{base}_layer"
        unique, number = base, 1
        while unique in self._taken:
            number += 1
            unique = f"{base}_{number}"
        self._taken.add(unique)
        return unique
