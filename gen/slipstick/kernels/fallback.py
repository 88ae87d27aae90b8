"""The kernels in plain torch: slower, equal for integers, used where no compiler is found."""

import torch

ELEMENTS = 1 << 22
"""Elements of the largest temporary tensor."""


def distance(columns: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``sum_k |columns - weight|``: (N, K, L) and (O, K) to (N, O, L)."""
    if columns.is_floating_point():
        return torch.cdist(columns.transpose(1, 2), weight, p=1.0).transpose(1, 2).contiguous()
    n, k, length = columns.shape
    result = columns.new_empty(n, len(weight), length)
    step = max(1, ELEMENTS // max(1, n * k * length))
    for o in range(0, len(weight), step):
        rows = weight[o : o + step]
        result[:, o : o + step] = (columns[:, None] - rows[:, :, None]).abs_().sum(2)
    return result


def input_gradient(
    gradient: torch.Tensor, columns: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """``sum_o gradient * HardTanh(weight - columns)`` of (N, O, L), (N, K, L) and (O, K)."""
    result = torch.zeros_like(columns)
    for o, row in enumerate(weight):
        result += gradient[:, o, None] * (row[:, None] - columns).clamp_(-1, 1)
    return result
