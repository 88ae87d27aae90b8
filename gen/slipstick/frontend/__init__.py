"""Trained networks as typed float graphs."""

from slipstick.frontend.execute import run_float, run_float_batches
from slipstick.frontend.export import export_module
from slipstick.frontend.float_graph import FloatGraph
from slipstick.frontend.loader import load_program
from slipstick.frontend.nodes import (
    AdderLayer,
    AdditiveLevels,
    AvgPool,
    BatchNorm,
    Clamp,
    CommonGrid,
    FixedPoint,
    FloatAdd,
    FloatArgmax,
    FloatConcat,
    FloatFlatten,
    FloatGate,
    FloatInput,
    FloatMatmul,
    FloatMove,
    FloatNode,
    MaxPool,
    PlainMatmul,
    ShiftLayer,
    TermsLayer,
)
from slipstick.frontend.program import import_program

__all__ = [
    "AdderLayer",
    "AdditiveLevels",
    "AvgPool",
    "BatchNorm",
    "Clamp",
    "CommonGrid",
    "FixedPoint",
    "FloatAdd",
    "FloatArgmax",
    "FloatConcat",
    "FloatFlatten",
    "FloatGate",
    "FloatGraph",
    "FloatInput",
    "FloatMatmul",
    "FloatMove",
    "FloatNode",
    "MaxPool",
    "PlainMatmul",
    "ShiftLayer",
    "TermsLayer",
    "export_module",
    "import_program",
    "load_program",
    "run_float",
    "run_float_batches",
]
