"""Translators of operators that move values without changing them."""

import math

import torch

from slipstick.frontend.call import Call, operator
from slipstick.frontend.nodes import FloatArgmax, FloatFlatten, FloatNode

aten = torch.ops.aten


@operator(
    aten.flatten.using_ints,
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.unsqueeze.default,
    passing=True,
)
def _(call: Call) -> FloatNode | str:
    before, after = call.input_shape("self"), call.shape
    if not call.keeps_batch("self"):
        call.refuse(
            "it changes the batch dimension", "keep the first dimension of every tensor the batch"
        )
    if before == after:
        return call.source("self")
    if after != (math.prod(before), 1, 1):
        call.refuse(
            f"it reshapes {before} to {after}",
            "supported is torch.flatten(x, 1), from an image to a vector",
        )
    return FloatFlatten(call.name, (call.source("self"),), after)


@operator(
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.lift_fresh_copy.default,
    passing=True,
)
def _(call: Call) -> str:
    return call.source("self")


@operator(aten.dropout.default, aten.feature_dropout.default, passing=True)
def _(call: Call) -> str:
    if call.arguments["train"] and call.arguments["p"] > 0:
        call.refuse("dropout is in training mode", "call model.eval() before torch.export.export")
    return call.source("input")


@operator(aten.native_dropout.default, passing=True)
def _(call: Call) -> str:
    if call.arguments["train"]:
        call.refuse("dropout is in training mode", "call model.eval() before torch.export.export")
    return call.source("input")


@operator(
    aten.to.dtype,
    aten.to.dtype_layout,
    aten.to.device,
    aten.to.other,
    aten._to_copy.default,
    passing=True,
)
def _(call: Call) -> str:
    before, after = call.dtypes("self")
    if before != after:
        call.refuse(
            f"it converts {before} to {after}", "give the model float32 images and no conversions"
        )
    return call.source("self")


@operator(aten.argmax.default)
def _(call: Call) -> FloatNode:
    rank, dim = call.rank("self"), call.arguments["dim"]
    _, height, width = call.input_shape("self")
    if dim is None or dim % rank != 1:
        call.refuse(f"argmax is over dimension {dim}", "supported is the class dimension, 1")
    return FloatArgmax(call.name, (call.source("self"),), (1, height, width))
