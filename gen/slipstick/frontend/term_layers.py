"""Translators of layers trained to one or a few powers of two: S3, DenseShift, APoT."""

import torch

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.frontend.call import Call, operator
from slipstick.frontend.matmuls import as_filters, check_vector
from slipstick.frontend.nodes import (
    AdditiveLevels,
    BatchNorm,
    FloatNode,
    ShiftLayer,
    TermsLayer,
)
from slipstick.frontend.trained_layers import window_of
from slipstick.graph import Window
from slipstick.nn.apot_ops import apot_codes, apot_levels
from slipstick.nn.s3_ops import denseshift_weight, s3_weight

ops = torch.ops.slipstick

S3_PARAMETERS = ("weight_sign", "weight_val", "weight_shift", "weight_shift2")


def _shift(call: Call, weight: torch.Tensor) -> FloatNode:
    bias, window = call.constant("bias"), window_of(call, weight)
    groups = call.arguments["groups"]
    return ShiftLayer(call.name, (call.source("x"),), call.shape, weight, bias, window, groups)


@operator(ops.s3_conv2d.default)
def _(call: Call) -> FloatNode:
    return _shift(call, s3_weight(*(call.required(name) for name in S3_PARAMETERS)))


@operator(ops.denseshift_conv2d.default)
def _(call: Call) -> FloatNode:
    return _shift(
        call, denseshift_weight(call.required("weight_sign"), call.constants_of("weight_t"))
    )


def _additive(call: Call, codes: torch.Tensor, window: Window) -> tuple[FloatNode, ...]:
    """The layer of the exact levels, and the scale that its largest level and its bound leave.

    The scale is no power of two, so that it is an affine function behind the sums.
    """
    bits, bound = call.arguments["weight_bits"], call.required("wgt_alpha").double()
    scale = (bound / apot_levels(bits - 1)[-1]).expand(len(codes))
    groups = call.arguments.get("groups", 1)
    sums = f"{call.name}.sums"
    bias = call.constant("bias")
    offset = torch.zeros_like(scale) if bias is None else bias.double()
    zero = torch.zeros_like(scale)
    return (
        TermsLayer(sums, (call.source("x"),), call.shape, codes, None, window, groups),
        BatchNorm(call.name, (sums,), call.shape, zero, scale, offset, torch.ones_like(scale)),
    )


@operator(ops.apot_conv2d.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    codes = _codes(call)
    return _additive(call, codes, window_of(call, codes))


@operator(ops.apot_linear.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    check_vector(call, "x")
    return _additive(call, as_filters(_codes(call)), Window())


@operator(ops.apot_activation.default)
def _(call: Call) -> FloatNode:
    bound = float(call.required("act_alpha"))
    if bound <= 0:
        call.refuse(f"its act_alpha is {bound:g}", "load an undamaged checkpoint")
    return AdditiveLevels(call.name, (call.source("x"),), call.shape, bound, call.arguments["bits"])


def _codes(call: Call) -> torch.Tensor:
    return apot_codes(
        call.required("weight"), call.required("wgt_alpha"), call.arguments["weight_bits"]
    )
