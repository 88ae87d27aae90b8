"""Convolution with padding of four different sides, and its gradients."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812


def output_shape(
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """Shape ``(N, O, Ho, Wo)`` of the convolution of ``x`` (N, C, H, W) by ``weight``."""
    before_after = (padding[:2], padding[2:])
    sizes = [
        (x.shape[2 + axis] + sum(pads) - dilation[axis] * (weight.shape[2 + axis] - 1) - 1)
        // stride[axis]
        + 1
        for axis, pads in enumerate(before_after)
    ]
    return [x.shape[0], weight.shape[0], *sizes]


def pad(x: torch.Tensor, padding: Sequence[int]) -> torch.Tensor:
    """Zeros around ``x``; ``padding`` is (top, bottom, left, right)."""
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom)) if any(padding) else x


def crop(x: torch.Tensor, padding: Sequence[int]) -> torch.Tensor:
    """What `pad` put ``padding`` around."""
    top, bottom, left, right = padding
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> torch.Tensor:
    """``conv2d`` of (N, C, H, W) by (O, C/groups, kh, kw), contiguous."""
    around, inside = _split(padding)
    result = F.conv2d(pad(x, around), weight, bias, list(stride), inside, list(dilation), groups)
    return result.contiguous()


def convolve_backward(
    gradient: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    wanted: Sequence[bool],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of `convolve` for ``x`` and ``weight``; None where not ``wanted``."""
    around, inside = _split(padding)
    dx, dw, _ = torch.ops.aten.convolution_backward(
        gradient,
        pad(x, around),
        weight,
        None,
        list(stride),
        inside,
        list(dilation),
        False,
        [0, 0],
        groups,
        [*wanted, False],
    )
    return crop(dx, around) if wanted[0] else None, dw


def _split(padding: Sequence[int]) -> tuple[list[int], list[int]]:
    """Padding to do beforehand, and the symmetric padding that ``conv2d`` does itself."""
    top, bottom, left, right = padding
    if (top, left) == (bottom, right):
        return [0, 0, 0, 0], [top, left]
    return list(padding), [0, 0]
