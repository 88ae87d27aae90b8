"""The two loops over all pairs of column and filter that AdderNet needs."""

import torch

from slipstick.kernels import fallback, native
from slipstick.kernels.compiler import library

NARROW = 64
"""Positions below which images are laid side by side, so that vectors stay full."""


def l1_distance(columns: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``y[n, o, l] = sum_k |columns[n, k, l] - weight[o, k]|`` (AdderNet, without its minus).

    Parameters
    ----------
    columns : ``(N, K, L)``, float32, float64 or int64.
    weight : ``(O, K)`` of the same type.

    Returns
    -------
    ``(N, O, L)`` of the same type; exact for int64 as long as every sum fits 63 bits.
    """
    _check(columns, weight)
    if columns.dtype == torch.int64 and _fits_int32(columns, weight):
        narrow = _distance(columns.to(torch.int32), weight.to(torch.int32))
        return narrow.to(torch.int64)
    return _distance(columns, weight)


def l1_input_gradient(
    gradient: torch.Tensor, columns: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """AdderNet's gradient of ``-l1_distance`` for its input, HardTanh in place of the sign.

    ``dx[n, k, l] = sum_o gradient[n, o, l] * clamp(weight[o, k] - columns[n, k, l], -1, 1)``.

    Parameters
    ----------
    gradient : ``(N, O, L)``, float32 or float64.
    columns : ``(N, K, L)`` of the same type.
    weight : ``(O, K)`` of the same type.
    """
    _check(columns, weight)
    if not columns.is_floating_point() or gradient.dtype != columns.dtype:
        raise TypeError(f"Gradient must be floating like its columns, not {gradient.dtype}")
    if _is_narrow(columns):
        n, _, length = columns.shape
        wide = l1_input_gradient(_side_by_side(gradient), _side_by_side(columns), weight)
        return _apart(wide, n, length)
    compiled = library() if columns.is_cpu else None
    if compiled is None:
        return fallback.input_gradient(gradient, columns, weight)
    return native.input_gradient(compiled, gradient, columns, weight)


def _distance(columns: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    if _is_narrow(columns):
        n, _, length = columns.shape
        return _apart(_distance(_side_by_side(columns), weight), n, length)
    compiled = library() if columns.is_cpu else None
    if compiled is None:
        return fallback.distance(columns, weight)
    return native.distance(compiled, columns, weight)


def _check(columns: torch.Tensor, weight: torch.Tensor) -> None:
    if columns.ndim != 3 or weight.ndim != 2 or columns.shape[1] != weight.shape[1]:
        raise ValueError(
            "Columns and weight must have shapes (N, K, L) and (O, K), "
            f"not {tuple(columns.shape)} and {tuple(weight.shape)}"
        )
    if columns.dtype != weight.dtype:
        raise TypeError(f"Weight must be {columns.dtype} like its columns, not {weight.dtype}")
    if columns.dtype not in (torch.float32, torch.float64, torch.int64):
        raise TypeError(f"Columns must be float32, float64 or int64, not {columns.dtype}")


def _fits_int32(columns: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether no sum of distances can leave 31 bits."""
    bound = sum(max(map(abs, _range(tensor))) for tensor in (columns, weight))
    return max(1, columns.shape[1]) * bound < 2**31


def _range(tensor: torch.Tensor) -> tuple[int, int]:
    if not tensor.numel():
        return 0, 0
    low, high = torch.aminmax(tensor)
    return int(low), int(high)


def _is_narrow(columns: torch.Tensor) -> bool:
    return columns.shape[2] < NARROW and columns.shape[0] > 1


def _side_by_side(tensor: torch.Tensor) -> torch.Tensor:
    """``(N, K, L)`` to ``(1, K, N*L)``."""
    return tensor.transpose(0, 1).reshape(1, tensor.shape[1], -1)


def _apart(tensor: torch.Tensor, n: int, length: int) -> torch.Tensor:
    """``(1, K, N*L)`` back to ``(N, K, L)``."""
    return tensor.view(-1, n, length).transpose(0, 1).contiguous()
