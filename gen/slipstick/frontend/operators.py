"""Which operators a program may call."""

from typing import Any

import torch
from torch import fx

import slipstick.frontend.elementwise
import slipstick.frontend.gates
import slipstick.frontend.matmuls
import slipstick.frontend.moves
import slipstick.frontend.pools
import slipstick.frontend.reshapes
import slipstick.frontend.term_layers
import slipstick.frontend.trained_layers  # noqa: F401  these modules register translators
from slipstick.errors import SlipstickError
from slipstick.frontend.call import TRANSLATORS, operator_name
from slipstick.frontend.folding import FOLDABLE

SUPPORTED = (
    "supported are slipstick.nn's layers, Conv2d, Linear, BatchNorm, ReLU, ReLU6, Hardtanh, clamp, "
    "MaxPool2d, AvgPool2d, adaptive pools, mean over (2, 3), add, cat, flatten, argmax, Dropout, "
    "slices, rolls and zero padding of channels, every n-th row or column"
)


def is_call(node: fx.Node) -> bool:
    """Whether ``node`` makes a tensor; assertions and sizes do not."""
    value = node.meta.get("val")
    return node.op == "call_function" and isinstance(value, torch.Tensor | tuple | list)


def is_pick(node: fx.Node) -> bool:
    """Whether ``node`` takes one of several results."""
    return getattr(node.target, "__name__", "") == "getitem"


def overwrites(node: fx.Node) -> bool:
    """Whether the call changes one of its arguments, as ``relu_`` does."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def check_operator(node: fx.Node, name: str) -> None:
    """Raises `SlipstickError` naming layer and operator if the call cannot be imported."""
    target = _functional(node.target) if overwrites(node) else node.target
    if target not in TRANSLATORS and target not in FOLDABLE:
        raise SlipstickError(
            f"Layer '{name}'",
            f"operator {operator_name(node.target)} is not supported",
            SUPPORTED,
        )


def _functional(target: Any) -> Any:
    """``aten.relu.default`` of ``aten.relu_.default``; None if there is none."""
    packet, _, overload = operator_name(target).removeprefix("aten.").rpartition(".")
    functional = getattr(torch.ops.aten, packet.removesuffix("_"), None)
    return getattr(functional, overload, None)
