"""Torch's storages and the tensors that lie in them."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from slipstick.importers.shapes import check_axes, check_shape
from slipstick.importers.values import Global, UnreadableError, damaged, type_name

KINDS = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16,
    "CharStorage": torch.int8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
"""Classes of storages by their element type; those of a GPU have the same names."""


@dataclass(eq=False)
class Storage:
    """A run of numbers, whose bytes may come after the tensors.

    Attributes
    ----------
    kind, count : element type, and how many.
    content : the bytes; None until they are read.
    """

    kind: torch.dtype
    count: int
    content: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.kind.itemsize

    @cached_property
    def numbers(self) -> torch.Tensor:
        """All of them in a row."""
        if self.content is None or len(self.content) != self.size:
            raise damaged("a storage is incomplete")
        if not self.count:
            return torch.empty(0, dtype=self.kind)
        if self.kind == torch.bool:
            return torch.frombuffer(bytearray(self.content), dtype=torch.uint8) != 0
        return torch.frombuffer(bytearray(self.content), dtype=self.kind)


@dataclass(frozen=True)
class Part:
    """``count`` numbers of a storage from ``start`` on."""

    storage: Storage
    start: int
    count: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor that is not in memory yet: where it lies in a part of a storage."""

    part: Part
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def numbers(self) -> torch.Tensor:
        """The tensor, contiguous, in memory of its own."""
        start = self.part.start + self.offset
        view = self.part.storage.numbers.as_strided(self.shape, self.stride, start)
        return view.clone(memory_format=torch.contiguous_format)


def storage_kind(kind: Any) -> torch.dtype:
    """The element type of the storage class ``kind``."""
    if not isinstance(kind, Global) or kind.name not in KINDS:
        raise UnreadableError(f"holds a storage of type {type_name(kind)}", "save it as float32")
    return KINDS[kind.name]


def rebuild_tensor(part: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    """``torch._utils._rebuild_tensor_v2``; what follows are flags for training."""
    if not isinstance(part, Part) or type(offset) is not int or not 0 <= offset <= part.count:
        raise damaged("a tensor has no storage")
    if len(check_shape(shape)) != len(check_axes(stride)):
        raise damaged("a tensor has more axes than strides")
    tensor = Tensor(part, offset, shape, stride)
    reach = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) + 1
    if tensor.count and reach > part.count:
        raise damaged("a tensor reaches beyond its storage")
    if tensor.count > part.count:
        raise damaged("a tensor is larger than its storage")
    return tensor


def rebuild_parameter(tensor: Any, *_: Any) -> Tensor:
    """``torch._utils._rebuild_parameter``, or `Parameter` itself in old files."""
    if not isinstance(tensor, Tensor):
        raise damaged("a parameter has no tensor")
    return tensor
