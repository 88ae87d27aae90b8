"""The integer graph: nodes, tensors with proven intervals, golden model, save and load."""

from slipstick.graph.execute import run, run_batches
from slipstick.graph.graph import Graph
from slipstick.graph.nodes import (
    Add,
    Affine,
    Argmax,
    Concat,
    Flatten,
    Gate,
    Input,
    L1Matmul,
    Move,
    Node,
    Pool,
    Rounding,
    ShiftMatmul,
)
from slipstick.graph.store import load, save
from slipstick.graph.tensor import Tensor, bits_needed
from slipstick.graph.window import Window

__all__ = [
    "Add",
    "Affine",
    "Argmax",
    "Concat",
    "Flatten",
    "Gate",
    "Graph",
    "Input",
    "L1Matmul",
    "Move",
    "Node",
    "Pool",
    "Rounding",
    "ShiftMatmul",
    "Tensor",
    "Window",
    "bits_needed",
    "load",
    "run",
    "run_batches",
    "save",
]
