"""Translators of ordinary convolutions and linear layers."""

import torch

from slipstick.frontend.call import Call, operator, symmetric
from slipstick.frontend.nodes import FloatNode, PlainMatmul
from slipstick.graph import Window

aten = torch.ops.aten


def kernel(weight: torch.Tensor) -> tuple[int, int]:
    """``(kh, kw)`` of convolution weights."""
    return weight.shape[2], weight.shape[3]


def as_filters(weight: torch.Tensor) -> torch.Tensor:
    """Linear weights ``(O, F)`` as 1x1 filters ``(O, F, 1, 1)``."""
    return weight[:, :, None, None]


def check_vector(call: Call, argument: str) -> None:
    """Refuses a linear layer that would act on the last dimension of an image."""
    if call.rank(argument) != 2:
        call.refuse(
            f"a linear layer reads (N, F), found {('N', *call.input_shape(argument))}",
            "put a Flatten in front of it",
        )


def _plain(
    call: Call, source: str, weight: torch.Tensor, bias: torch.Tensor | None, window: Window
) -> PlainMatmul:
    groups = call.arguments.get("groups", 1)
    return PlainMatmul(call.name, (call.source(source),), call.shape, weight, bias, window, groups)


@operator(aten.conv2d.default, aten.convolution.default)
def _(call: Call) -> FloatNode:
    weight = call.required("weight")
    if weight.dim() != 4 or call.arguments.get("transposed"):
        call.refuse("it is a transposed or not 2-D convolution", "supported are Conv2d and Linear")
    padding = symmetric(call.pair("padding"))
    window = Window(kernel(weight), call.pair("stride"), padding, call.pair("dilation"))
    return _plain(call, "input", weight, call.constant("bias"), window)


@operator(aten.conv2d.padding)
def _(call: Call) -> FloatNode:
    weight = call.required("weight")
    dilation = call.pair("dilation")
    padding = (0, 0, 0, 0)
    if call.arguments["padding"] == "same":
        rows, columns = (
            step * (taps - 1) for step, taps in zip(dilation, kernel(weight), strict=True)
        )
        # An odd number of rows: torch puts the larger half behind the image.
        padding = (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
    window = Window(kernel(weight), call.pair("stride"), padding, dilation)
    return _plain(call, "input", weight, call.constant("bias"), window)


@operator(aten.linear.default)
def _(call: Call) -> FloatNode:
    check_vector(call, "input")
    weight = as_filters(call.required("weight"))
    return _plain(call, "input", weight, call.constant("bias"), Window())


@operator(aten.addmm.default)
def _(call: Call) -> FloatNode:
    bias = call.required("self")
    if call.arguments["alpha"] != 1 or call.arguments["beta"] != 1 or bias.dim() != 1:
        call.refuse("addmm does more than a linear layer", "use torch.nn.Linear")
    return _plain(call, "mat1", as_filters(call.required("mat2").t()), bias, Window())


@operator(aten.mm.default)
def _(call: Call) -> FloatNode:
    return _plain(call, "self", as_filters(call.required("mat2").t()), None, Window())


@operator(aten.matmul.default)
def _(call: Call) -> FloatNode:
    check_vector(call, "self")
    return _plain(call, "self", as_filters(call.required("other").t()), None, Window())
