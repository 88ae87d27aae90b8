"""Translators of Slipstick's own layers: shift and adder."""

import math

import torch

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.frontend.call import Call, operator
from slipstick.frontend.matmuls import as_filters, check_vector, kernel
from slipstick.frontend.nodes import (
    AdderLayer,
    CommonGrid,
    FixedPoint,
    FloatNode,
    ShiftLayer,
)
from slipstick.graph import Window
from slipstick.nn.fixed_ops import FRACTION_BITS
from slipstick.nn.quantisers import fixed_point, shift_weight_ps, shift_weight_q

ops = torch.ops.slipstick

WIDE_BITS = 16
"""From here on the input format of a shift layer is finer and wider than any activation of ours."""


def window_of(call: Call, weight: torch.Tensor) -> Window:
    """The window of a layer of ours, whose padding has four sides."""
    top, bottom, left, right = call.arguments["padding"]
    padding = (top, bottom, left, right)
    return Window(kernel(weight), call.pair("stride"), padding, call.pair("dilation"))


def _bits(call: Call) -> tuple[int, int]:
    return call.arguments["integer_bits"], call.arguments["fraction_bits"]


def _rounded_bias(call: Call) -> torch.Tensor | None:
    bias = call.constant("bias")
    return None if bias is None else fixed_point(bias, *_bits(call))


def _fixed_input(call: Call) -> tuple[FixedPoint, ...]:
    """The rounding of the input, where the layer was trained with a format that can be felt."""
    integer_bits, fraction_bits = _bits(call)
    if integer_bits >= WIDE_BITS and fraction_bits >= WIDE_BITS:
        return ()
    bound = 2.0 ** (integer_bits - 1)
    shape = call.input_shape("x")
    name = f"{call.name}.input"
    return (FixedPoint(name, (call.source("x"),), shape, fraction_bits, -bound, bound - 1),)


def _shift(
    call: Call,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    window: Window,
    before: tuple[FixedPoint, ...],
) -> tuple[FloatNode, ...]:
    source = before[0].name if before else call.source("x")
    groups = call.arguments.get("groups", 1)
    layer = ShiftLayer(call.name, (source,), call.shape, weight, bias, window, groups)
    return (*before, layer)


@operator(ops.shift_conv2d.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    weight = shift_weight_q(call.required("weight"), call.arguments["weight_bits"])
    return _shift(call, weight, _rounded_bias(call), window_of(call, weight), _fixed_input(call))


@operator(ops.shift_conv2d_ps.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    weight = _ps_weight(call)
    return _shift(call, weight, _rounded_bias(call), window_of(call, weight), _fixed_input(call))


@operator(ops.shift_linear.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    check_vector(call, "x")
    weight = shift_weight_q(call.required("weight"), call.arguments["weight_bits"])
    return _shift(call, as_filters(weight), call.constant("bias"), Window(), _fixed_input(call))


@operator(ops.shift_linear_ps.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    check_vector(call, "x")
    return _shift(call, as_filters(_ps_weight(call)), call.constant("bias"), Window(), ())


def _ps_weight(call: Call) -> torch.Tensor:
    return shift_weight_ps(
        call.required("shift"), call.required("sign"), call.arguments["weight_bits"]
    )


@operator(ops.fixed_shift_conv2d.default)
def _(call: Call) -> tuple[FloatNode, ...]:
    weight, shape = call.required("weight"), call.input_shape("x")
    rounded = FixedPoint(
        f"{call.name}.input",
        (call.source("x"),),
        shape,
        FRACTION_BITS,
        -math.inf,
        math.inf,
        "half_even",
    )
    return _shift(call, weight, call.constant("bias"), window_of(call, weight), (rounded,))


@operator(ops.round_half_even.default)
def _(call: Call) -> FloatNode:
    bits = call.arguments["fraction_bits"]
    return CommonGrid(call.name, (call.source("x"),), call.shape, bits)


@operator(ops.adder_conv2d.default)
def _(call: Call) -> FloatNode:
    weight = call.required("adder")
    return AdderLayer(
        call.name,
        (call.source("x"),),
        call.shape,
        weight,
        call.constant("bias"),
        window_of(call, weight),
        call.arguments["groups"],
    )


@operator(ops.adder_linear.default)
def _(call: Call) -> FloatNode:
    check_vector(call, "x")
    return AdderLayer(
        call.name,
        (call.source("x"),),
        call.shape,
        as_filters(call.required("adder")),
        call.constant("bias"),
        Window(),
        1,
    )
