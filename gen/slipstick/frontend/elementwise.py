"""Translators of normalisation, activation functions, sums and concatenations."""

import math

import torch

from slipstick.frontend.call import Call, operator
from slipstick.frontend.nodes import BatchNorm, Clamp, FloatAdd, FloatConcat, FloatNode

aten = torch.ops.aten


@operator(aten.batch_norm.default, aten._native_batch_norm_legit_no_training.default)
def _(call: Call) -> FloatNode:
    if call.arguments.get("training"):
        call.refuse(
            "batch normalisation is in training mode",
            "call model.eval() before torch.export.export",
        )
    mean = call.required("running_mean").double()
    variance = call.required("running_var").double() + call.arguments["eps"]
    if variance.min() <= 0:
        call.refuse("its running variance is not positive", "load an undamaged checkpoint")
    weight, bias = call.constant("weight"), call.constant("bias")
    scale = torch.ones_like(mean) if weight is None else weight.double()
    offset = torch.zeros_like(mean) if bias is None else bias.double()
    deviation = variance.sqrt()
    return BatchNorm(
        call.name,
        (call.source("input"),),
        call.shape,
        mean,
        scale / deviation,
        offset,
        deviation,
    )


@operator(aten._native_batch_norm_legit.default, aten._native_batch_norm_legit.no_stats)
@operator(aten._native_batch_norm_legit_functional.default, aten.instance_norm.default)
def _(call: Call) -> FloatNode:
    call.refuse(
        "normalisation takes its statistics from the batch (training mode)",
        "call model.eval() before torch.export.export and use track_running_stats=True",
    )


def _clamp(call: Call, lo: float | None, hi: float | None) -> FloatNode:
    low = -math.inf if lo is None else float(lo)
    high = math.inf if hi is None else float(hi)
    if math.isnan(low) or math.isnan(high):
        call.refuse(f"it clamps to [{low}, {high}]", "give it numbers, or leave a bound out")
    return Clamp(call.name, (call.source("self"),), call.shape, min(low, high), high)


@operator(aten.relu.default)
def _(call: Call) -> FloatNode:
    return _clamp(call, 0.0, None)


@operator(aten.relu6.default)
def _(call: Call) -> FloatNode:
    return _clamp(call, 0.0, 6.0)


@operator(aten.hardtanh.default)
def _(call: Call) -> FloatNode:
    return _clamp(call, call.arguments["min_val"], call.arguments["max_val"])


@operator(aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default)
def _(call: Call) -> FloatNode:
    return _clamp(call, call.arguments.get("min"), call.arguments.get("max"))


@operator(aten.add.Tensor)
def _(call: Call) -> FloatNode:
    if call.arguments["alpha"] != 1:
        call.refuse(f"add has alpha={call.arguments['alpha']}", "supported is alpha=1")
    sources = call.source("self"), call.source("other")
    if call.input_shape("self") != call.input_shape("other"):
        call.refuse(
            f"it adds shapes {call.input_shape('self')} and {call.input_shape('other')}",
            "both inputs of an addition must have one shape; broadcasting is not supported",
        )
    return FloatAdd(call.name, sources, call.shape)


@operator(aten.cat.default)
def _(call: Call) -> FloatNode | str:
    tensors = call.arguments["tensors"]
    rank = call.rank_of(tensors[0])
    if call.arguments["dim"] % rank != 1:
        call.refuse(
            f"it concatenates along dimension {call.arguments['dim']}",
            "supported is the channel dimension, 1",
        )
    sources = tuple(call.source_of(tensor) for tensor in tensors)
    return FloatConcat(call.name, sources, call.shape) if len(sources) > 1 else sources[0]
