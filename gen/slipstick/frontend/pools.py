"""Translators of pooling."""

import torch

from slipstick.frontend.call import Call, operator, symmetric
from slipstick.frontend.nodes import AvgPool, FloatNode, MaxPool
from slipstick.graph import Window

aten = torch.ops.aten


def _window(call: Call, dilation: tuple[int, int] = (1, 1)) -> Window:
    kernel = call.pair("kernel_size")
    # An empty stride means the kernel's size.
    stride = call.pair("stride") if call.arguments["stride"] else kernel
    window = Window(kernel, stride, symmetric(call.pair("padding")), dilation)
    made = window.output_size(*call.input_shape("self")[1:])
    if made != call.shape[1:]:
        call.refuse(
            f"ceil_mode=True makes its output {call.shape[1:]}, whole windows make {made}",
            "use ceil_mode=False and pad the image",
        )
    return window


@operator(aten.max_pool2d.default, aten.max_pool2d_with_indices.default)
def _(call: Call) -> FloatNode:
    window = _window(call, call.pair("dilation"))
    return MaxPool(call.name, (call.source("self"),), call.shape, window)


@operator(aten.avg_pool2d.default)
def _(call: Call) -> FloatNode:
    window = _window(call)
    if window.pads and not call.arguments["count_include_pad"]:
        call.refuse(
            "count_include_pad=False divides by another number at the border",
            "use count_include_pad=True or no padding",
        )
    divisor = call.arguments["divisor_override"] or window.taps
    return AvgPool(call.name, (call.source("self"),), call.shape, window, divisor)


def _dividing_window(call: Call) -> Window:
    """The window of an adaptive pool whose output size divides the image's."""
    height, width = call.input_shape("self")[1:]
    rows, columns = call.shape[1:]
    if height % rows or width % columns:
        call.refuse(
            f"adaptive pooling of {height}x{width} to {rows}x{columns} has windows of several "
            "sizes",
            "choose an output size that divides the image's",
        )
    size = (height // rows, width // columns)
    return Window(size, size)


@operator(aten.adaptive_avg_pool2d.default, aten._adaptive_avg_pool2d.default)
def _(call: Call) -> FloatNode:
    window = _dividing_window(call)
    return AvgPool(call.name, (call.source("self"),), call.shape, window, window.taps)


@operator(aten.adaptive_max_pool2d.default)
def _(call: Call) -> FloatNode:
    return MaxPool(call.name, (call.source("self"),), call.shape, _dividing_window(call))


def _whole_image(call: Call, argument: str) -> Window:
    """The window of a reduction over all pixels."""
    rank = call.rank("self")
    dims = call.arguments[argument]
    named = {dim % rank for dim in ([dims] if isinstance(dims, int) else dims or range(rank))}
    if rank != 4 or named != {2, 3}:
        call.refuse(
            f"it reduces dimensions {sorted(named)} of {rank}",
            "supported is the reduction over height and width, dimensions (2, 3)",
        )
    return Window(call.input_shape("self")[1:], call.input_shape("self")[1:])


@operator(aten.mean.dim)
def _(call: Call) -> FloatNode:
    window = _whole_image(call, "dim")
    return AvgPool(call.name, (call.source("self"),), call.shape, window, window.taps)


@operator(aten.amax.default)
def _(call: Call) -> FloatNode:
    return MaxPool(call.name, (call.source("self"),), call.shape, _whole_image(call, "dim"))
