"""Operations that a circuit does in a frame, and an estimate of their energy.

Unit energies are those of `slipstick.zoo.energy` for the ZC706. Only operations count: no memory,
no control, no clock, no leakage, so that the figure ranks circuits and is no power.
"""

import math
from functools import singledispatch

import numpy as np

from slipstick.graph import Add, Affine, Gate, Graph, L1Matmul, Node, Pool, ShiftMatmul
from slipstick.zoo.counts import Work
from slipstick.zoo.energy import FIX8, FIX32, Formats, energy

PLATFORM = "zc706"
NARROW = 8


def energy_nanojoules(graph: Graph) -> float:
    """The estimate for one frame: additions of 32 bits, shifts of 8 bits where the input is."""
    total = 0.0
    for node in graph.nodes:
        total += energy(work(node, graph), PLATFORM, _formats(node, graph))
    return round(total / 1e3, 3)


def _formats(node: Node, graph: Graph) -> Formats:
    is_narrow = all(graph.tensors[name].width <= NARROW for name in node.inputs)
    return Formats("FIX32", FIX32.addition, (FIX8 if is_narrow else FIX32).shift)


@singledispatch
def work(node: Node, graph: Graph) -> Work:
    """Operations of ``node``: none for a kind that only moves and compares."""
    return Work()


@work.register
def _(node: ShiftMatmul, graph: Graph) -> Work:
    terms = int(np.count_nonzero(node.sign)) * _pixels(node, graph)
    return Work(additions=terms, shifts=terms)


@work.register
def _(node: L1Matmul, graph: Graph) -> Work:
    return Work(additions=2 * node.weight.size * _pixels(node, graph))


@work.register
def _(node: Affine, graph: Graph) -> Work:
    terms = int(np.count_nonzero(node.sign)) * _pixels(node, graph)
    return Work(additions=terms, shifts=terms)


@work.register
def _(node: Add, graph: Graph) -> Work:
    return Work(additions=math.prod(graph.tensors[node.name].shape))


@work.register
def _(node: Gate, graph: Graph) -> Work:
    return Work(shifts=math.prod(graph.tensors[node.name].shape))


@work.register
def _(node: Pool, graph: Graph) -> Work:
    values = math.prod(graph.tensors[node.name].shape)
    return Work(additions=values * node.window.taps if node.kind == "sum" else 0)


def _pixels(node: Node, graph: Graph) -> int:
    return math.prod(graph.tensors[node.name].shape[1:])
