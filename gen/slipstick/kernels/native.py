"""Calls of the compiled kernels, shared by threads (ctypes gives the interpreter lock away)."""

import ctypes
import threading
from collections.abc import Iterator

import torch

SMALL = 1 << 20
"""Operations below which a thread costs more than it saves."""


def distance(library: ctypes.CDLL, columns: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``sum_k |columns - weight|``: (N, K, L) and (O, K) of one type to (N, O, L)."""
    n, _, length = columns.shape
    result = columns.new_empty(n, len(weight), length)
    _call(library, "l1_distance", [columns.contiguous(), weight.contiguous(), result])
    return result


def input_gradient(
    library: ctypes.CDLL, gradient: torch.Tensor, columns: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """``sum_o gradient * HardTanh(weight - columns)`` of (N, O, L), (N, K, L) and (O, K)."""
    result = torch.empty_like(columns, memory_format=torch.contiguous_format)
    operands = [gradient.contiguous(), columns.contiguous(), weight.t().contiguous(), result]
    _call(library, "l1_input_gradient", operands)
    return result


def _call(library: ctypes.CDLL, name: str, tensors: list[torch.Tensor]) -> None:
    """One kernel over all images and positions; the last tensor receives the result."""
    columns, weight = tensors[-3:-1]
    n, k, length = columns.shape
    outputs = weight.numel() // k if k else len(weight)
    if not tensors[-1].numel():
        return
    function = getattr(library, f"{name}_{str(columns.dtype).removeprefix('torch.')}")
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]
    sizes = [ctypes.c_int64(size) for size in (k, outputs, length)]
    wanted = torch.get_num_threads() if n * k * length * outputs > SMALL else 1
    calls = [(*pointers, *sizes, *map(ctypes.c_int64, part)) for part in _parts(n, length, wanted)]
    threads = [threading.Thread(target=function, args=call) for call in calls[1:]]
    for thread in threads:
        thread.start()
    function(*calls[0])
    for thread in threads:
        thread.join()


def _parts(n: int, length: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """``(n0, n1, l0, l1)`` of about ``count`` equal shares, by images or else by positions."""
    for start, stop in _spans(n if n >= count else length, count):
        yield (start, stop, 0, length) if n >= count else (0, n, start, stop)


def _spans(total: int, count: int) -> Iterator[tuple[int, int]]:
    size = -(-total // count)
    for start in range(0, total, size):
        yield start, min(start + size, total)
