"""Calls on parameters alone: they are computed once, when the program is imported."""

from typing import Any

import torch
from torch import fx

import slipstick.nn  # noqa: F401  registers the custom ops

aten = torch.ops.aten
ops = torch.ops.slipstick

FOLDABLE = {
    aten.abs.default,
    aten.add.Tensor,
    aten.alias.default,
    aten.amax.default,
    aten.clamp.default,
    aten.clone.default,
    aten.detach.default,
    aten.div.Tensor,
    aten.exp2.default,
    aten.expand.default,
    aten.lift_fresh_copy.default,
    aten.mul.Tensor,
    aten.neg.default,
    aten.permute.default,
    aten.pow.Scalar,
    aten.reciprocal.default,
    aten.reshape.default,
    aten.round.default,
    aten.rsqrt.default,
    aten.sign.default,
    aten.sqrt.default,
    aten.sub.Tensor,
    aten.t.default,
    aten.transpose.int,
    aten.unsqueeze.default,
    aten.view.default,
    ops.round_half_even.default,
}
"""Operators whose result on constants is a constant, and that touch nothing else."""


def foldable(node: fx.Node, constants: dict[fx.Node, torch.Tensor]) -> bool:
    """Whether the call works on constants alone and may be executed."""
    inputs = node.all_input_nodes
    return node.target in FOLDABLE and bool(inputs) and all(i in constants for i in inputs)


def fold(node: fx.Node, constants: dict[fx.Node, torch.Tensor]) -> torch.Tensor:
    """The value of a `foldable` call."""

    def value(argument: Any) -> Any:
        return constants[argument] if isinstance(argument, fx.Node) else argument

    arguments = fx.node.map_aggregate(node.args, value)
    keywords = fx.node.map_aggregate(node.kwargs, value)
    with torch.no_grad():
        assert callable(node.target)
        return node.target(*arguments, **keywords)
