"""Translators of what only moves values: shifts of images, slices and rotations of channels."""

from collections.abc import Sequence

import torch

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.frontend.call import Call, operator
from slipstick.frontend.nodes import FloatMove, FloatNode, MaxPool
from slipstick.graph import Window
from slipstick.graph.nodes import NOTHING

aten = torch.ops.aten
ops = torch.ops.slipstick

EVERYTHING = (1 << 63) - 1
"""The end that torch writes for a slice without one."""


def _move(
    call: Call,
    argument: str,
    channel: Sequence[int],
    dy: Sequence[int],
    dx: Sequence[int],
    boundary: str = "zero",
) -> FloatMove:
    if boundary not in ("zero", "address"):
        call.refuse(f"its boundary is {boundary!r}", "supported are 'zero' and 'address'")
    shape = (len(channel), *call.input_shape(argument)[1:])
    return FloatMove(
        call.name,
        (call.source(argument),),
        shape,
        tuple(map(int, channel)),
        tuple(map(int, dy)),
        tuple(map(int, dx)),
        "zero" if boundary == "zero" else "address",
    )


def _channels(call: Call, channel: Sequence[int]) -> FloatMove:
    """Channels taken in another order, each where it is."""
    still = [0] * len(channel)
    return _move(call, "self", channel, still, still)


@operator(ops.move.default)
def _(call: Call) -> FloatMove:
    channel, dy, dx = (call.arguments[name] for name in ("channel", "dy", "dx"))
    return _move(call, "x", channel, dy, dx, call.arguments["boundary"])


@operator(ops.sparse_shift.default)
def _(call: Call) -> FloatMove:
    # Half to even, as the layer rounds when it is trained.
    dy, dx = (
        torch.round(call.required(name)).to(torch.int64).tolist() for name in ("alpha", "beta")
    )
    return _move(call, "x", range(len(dy)), dy, dx)


def _check_channel_dimension(call: Call, dim: int) -> None:
    if dim % call.rank("self") != 1:
        call.refuse(f"it takes part of dimension {dim}", "supported is the channel dimension, 1")


@operator(aten.slice.Tensor)
def _(call: Call) -> FloatNode | str:
    start, end, step = (call.arguments[name] for name in ("start", "end", "step"))
    dim = call.arguments["dim"] % call.rank("self")
    to_the_end = (start or 0) == 0 and (end is None or end >= EVERYTHING)
    if to_the_end and step == 1:
        return call.source("self")
    if to_the_end and dim in (2, 3):
        # Every so many rows or columns: a window of one pixel with that stride.
        window = Window(stride=(step, 1) if dim == 2 else (1, step))
        return MaxPool(call.name, (call.source("self"),), call.shape, window)
    _check_channel_dimension(call, dim)
    return _channels(call, range(call.input_shape("self")[0])[start:end:step])


@operator(aten.narrow.default)
def _(call: Call) -> FloatMove:
    _check_channel_dimension(call, call.arguments["dim"])
    start = call.arguments["start"]
    return _channels(call, range(start, start + call.arguments["length"]))


@operator(aten.roll.default)
def _(call: Call) -> FloatMove:
    shifts, dims = call.arguments["shifts"], call.arguments["dims"]
    if len(shifts) != 1 or len(dims) != 1:
        call.refuse(f"it rolls dimensions {dims}", "supported is the channel dimension, 1")
    _check_channel_dimension(call, dims[0])
    channels = call.input_shape("self")[0]
    return _channels(call, [(channel - shifts[0]) % channels for channel in range(channels)])


@operator(aten.constant_pad_nd.default, aten.pad.default)
def _(call: Call) -> FloatMove:
    # From the last dimension to the first, two numbers each.
    pads = [*call.arguments["pad"], *[0] * 8][:8]
    front, back = pads[4:6]
    if call.arguments.get("mode", "constant") != "constant" or call.arguments["value"]:
        call.refuse("it pads with something else than 0", "supported is padding by zeros")
    if call.rank("self") != 4 or any(pads[:4] + pads[6:]) or min(front, back) < 0:
        call.refuse(
            f"it pads by {call.arguments['pad']}",
            "supported is padding of channels; give the layer or pool behind it padding of images",
        )
    channels = range(call.input_shape("self")[0])
    return _channels(call, [*[NOTHING] * front, *channels, *[NOTHING] * back])
