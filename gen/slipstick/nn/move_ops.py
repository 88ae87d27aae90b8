"""Custom ops that only move data: one call a layer in an exported program.

`move` is every address-only layer: grouped shift (Wu et al. 2018), address and channel shift
(AddressNet, He et al. 2019), DiracDeltaNet's shift. `sparse_shift` is the one whose displacements
are trained (SSL, Chen et al. 2019).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

BOUNDARIES = ("zero", "address")
"""What is read outside the image: 0, or what the flat pointer finds in the channel's own map."""

_TABLE = "int[] channel, int[] dy, int[] dx, str boundary"


@torch.library.custom_op(
    "slipstick::move", mutates_args=(), schema=f"(Tensor x, {_TABLE}) -> Tensor"
)
def move(
    x: Tensor, channel: Sequence[int], dy: Sequence[int], dx: Sequence[int], boundary: str
) -> Tensor:
    """``out[n, c, h, w] = x[n, channel[c], h + dy[c], w + dx[c]]``, (N, C, H, W) to (N, O, H, W).

    With ``boundary="zero"`` 0 is read outside the image. With "address" output ``(h, w)`` reads
    the flat pointer ``h * W + w + dy[c] * W + dx[c]`` of the channel's own ``H * W`` values, so
    that a border pixel reads the neighbouring row, and 0 before the first and after the last.
    """
    _check(x, channel, dy, dx, boundary)
    result = x.new_zeros([x.shape[0], len(channel), *x.shape[2:]])
    source, target = _addressed(x, boundary), _addressed(result, boundary)
    for part in _parts(x, channel, dy, dx, boundary):
        target[:, part.outputs, *part.here] = source[:, part.inputs, *part.there]
    return result


@torch.library.custom_op(
    "slipstick::move_backward",
    mutates_args=(),
    schema=f"(Tensor gradient, SymInt channels, {_TABLE}) -> Tensor",
)
def move_backward(
    gradient: Tensor,
    channels: int,
    channel: Sequence[int],
    dy: Sequence[int],
    dx: Sequence[int],
    boundary: str,
) -> Tensor:
    """Gradient of `move` for its input of ``channels``; a channel read twice gets the sum."""
    result = gradient.new_zeros([gradient.shape[0], channels, *gradient.shape[2:]])
    source, target = _addressed(gradient, boundary), _addressed(result, boundary)
    for part in _parts(gradient, channel, dy, dx, boundary):
        target[:, part.inputs, *part.there] += source[:, part.outputs, *part.here]
    return result


@torch.library.custom_op(
    "slipstick::sparse_shift",
    mutates_args=(),
    schema="(Tensor x, Tensor alpha, Tensor beta) -> Tensor",
)
def sparse_shift(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """``out[n, c, h, w] = x[n, c, h + round(alpha[c]), w + round(beta[c])]``, 0 outside.

    ``alpha`` and ``beta`` are (C,); rounding is half to even.
    """
    _check_displacements(x, alpha, beta)
    return _move_each(x, torch.round(alpha), torch.round(beta))


@torch.library.custom_op(
    "slipstick::sparse_shift_backward",
    mutates_args=(),
    schema="(Tensor gradient, Tensor x, Tensor alpha, Tensor beta) -> (Tensor, Tensor, Tensor)",
)
def sparse_shift_backward(
    gradient: Tensor, x: Tensor, alpha: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """SSL's gradients: ``x``'s of the integer shift, the others' of bilinear interpolation."""
    # The inverse of moving each channel by whole pixels is moving it back.
    dx = _move_each(gradient, -torch.round(alpha), -torch.round(beta))
    top, left = torch.floor(alpha), torch.floor(beta)
    corners = [
        (gradient * _move_each(x, top + down, left + right)).sum((0, 2, 3)).to(alpha.dtype)
        for down in (0, 1)
        for right in (0, 1)
    ]
    top_left, top_right, bottom_left, bottom_right = corners
    row, column = alpha - top, beta - left
    dalpha = torch.lerp(bottom_left - top_left, bottom_right - top_right, column)
    dbeta = torch.lerp(top_right - top_left, bottom_right - bottom_left, row)
    return dx, dalpha, dbeta


@move.register_fake
def _(
    x: Tensor, channel: Sequence[int], dy: Sequence[int], dx: Sequence[int], boundary: str
) -> Tensor:
    _check(x, channel, dy, dx, boundary)
    return x.new_empty([x.shape[0], len(channel), *x.shape[2:]])


@move_backward.register_fake
def _(gradient: Tensor, channels: int, *table: Any) -> Tensor:
    return gradient.new_empty([gradient.shape[0], channels, *gradient.shape[2:]])


@sparse_shift.register_fake
def _(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    _check_displacements(x, alpha, beta)
    return x.new_empty(x.shape)


@sparse_shift_backward.register_fake
def _(gradient: Tensor, x: Tensor, alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), alpha.new_empty(alpha.shape), beta.new_empty(beta.shape)


class Part(NamedTuple):
    """Different channels of equal displacement, and where they are written and read."""

    outputs: slice
    inputs: slice
    here: tuple[slice, slice]
    there: tuple[slice, slice]


def _parts(
    x: Tensor, channel: Sequence[int], dy: Sequence[int], dx: Sequence[int], boundary: str
) -> Iterator[Part]:
    """The copies that make up a move."""
    height, width = x.shape[2:]
    together = defaultdict(list)
    for output, (displacement, source) in enumerate(
        zip(zip(dy, dx, strict=True), channel, strict=True)
    ):
        together[displacement].append((output, source))
    for (rows, columns), pairs in together.items():
        if boundary == "address":
            spans = _span(0, 1), _span(rows * width + columns, height * width)
        else:
            spans = _span(rows, height), _span(columns, width)
        here, there = zip(*spans, strict=True)
        for outputs, inputs in _runs(pairs):
            yield Part(outputs, inputs, here, there)


def _runs(pairs: list[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    """``pairs`` of (output, input) as few pairs of slices: copying slices is several times faster.

    Outputs ascend in ``pairs``, inputs only within a slice.
    """
    start = 0
    while start < len(pairs):
        stop, steps = start + 1, (1, 1)
        if stop < len(pairs) and pairs[stop][1] > pairs[start][1]:
            steps = _steps(pairs, stop)
            while stop < len(pairs) and _steps(pairs, stop) == steps:
                stop += 1
        first, last = pairs[start], pairs[stop - 1]
        outputs, inputs = (slice(first[i], last[i] + 1, steps[i]) for i in (0, 1))
        yield outputs, inputs
        start = stop


def _steps(pairs: list[tuple[int, int]], index: int) -> tuple[int, int]:
    """How far the pair at ``index`` is from the one before."""
    return pairs[index][0] - pairs[index - 1][0], pairs[index][1] - pairs[index - 1][1]


def _span(displacement: int, size: int) -> tuple[slice, slice]:
    """Where an axis of ``size`` is written, and where it is then read, ``displacement`` further."""
    displacement = min(max(displacement, -size), size)
    start, stop = max(0, -displacement), min(size, size - displacement)
    return slice(start, stop), slice(start + displacement, stop + displacement)


def _addressed(x: Tensor, boundary: str) -> Tensor:
    """(N, C, H, W) as it is, or as one row (N, C, 1, H * W) of pointers."""
    return x.flatten(2)[:, :, None] if boundary == "address" else x


def _move_each(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Every channel by its own whole numbers ``rows`` and ``columns`` (C,), 0 outside."""
    table = [[int(value) for value in axis.tolist()] for axis in (rows, columns)]
    return move(x, list(range(x.shape[1])), *table, "zero")


def _check(
    x: Tensor, channel: Sequence[int], dy: Sequence[int], dx: Sequence[int], boundary: str
) -> None:
    _check_image(x)
    if boundary not in BOUNDARIES:
        raise ValueError(f"Boundary must be 'zero' or 'address', not {boundary!r}")
    lengths = len(channel), len(dy), len(dx)
    if len(set(lengths)) != 1:
        raise ValueError(f"Channel, dy and dx must be equally long, not {lengths!r}")
    for index in channel:
        if not 0 <= index < x.shape[1]:
            raise ValueError(f"Channel must be in 0 to {x.shape[1] - 1}, not {index!r}")


def _check_displacements(x: Tensor, alpha: Tensor, beta: Tensor) -> None:
    _check_image(x)
    for name, value in (("Alpha", alpha), ("Beta", beta)):
        if value.shape != (x.shape[1],):
            raise ValueError(f"{name} must have shape ({x.shape[1]},), not {tuple(value.shape)}")


def _check_image(x: Tensor) -> None:
    if x.ndim != 4:
        raise ValueError(f"Input must have shape (N, C, H, W), not {tuple(x.shape)}")


def _remember_move(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, *ctx.table = inputs
    ctx.channels = x.shape[1]


def _move_gradients(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return move_backward(gradient, ctx.channels, *ctx.table), None, None, None, None


def _remember_sparse_shift(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _sparse_shift_gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return sparse_shift_backward(gradient, *ctx.saved_tensors)


move.register_autograd(_move_gradients, setup_context=_remember_move)
sparse_shift.register_autograd(_sparse_shift_gradients, setup_context=_remember_sparse_shift)
