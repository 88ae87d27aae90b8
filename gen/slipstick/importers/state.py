"""The state dict in what a checkpoint file holds: alone, wrapped, or as a pickled module."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from slipstick.importers.tensors import Tensor
from slipstick.importers.values import Array, Record, UnreadableError, type_name

WRAPPERS = ("state_dict", "net", "model", "model_state_dict")
"""Keys under which training programs put the network beside other things."""
TRAINING = frozenset(
    "epoch epochs iter iteration step arch args acc acc1 best_acc best_acc1 best_prec1 best_prec "
    "loss best_loss optimizer optimizer_state_dict scheduler lr_scheduler scheduler_state_dict "
    "amp rng_state".split()
)
"""What else stands beside it and says nothing about the network."""

MOST_KEYS = 1 << 14
MOST_NUMBERS = 1 << 28
"""Sizes of a state dict up to which it is read; shared storages could make it any larger."""
LONGEST_NAME = 200
DEEPEST = 16
"""Modules inside each other; a module inside itself would have no end."""

NAMED = "save the network's state dict"
_PARALLEL = "module."
"""The prefix that ``DataParallel`` puts before every key."""

Stored = Tensor | Array


@dataclass(frozen=True)
class State:
    """A state dict as it was found.

    Attributes
    ----------
    tensors : its tensors by their names, without the prefix of ``DataParallel``.
    ignored : entries of the file beside it that are not known to be of the training.
    """

    tensors: dict[str, torch.Tensor]
    ignored: tuple[str, ...]


def find_state(value: Any) -> State:
    """The state dict in ``value``, as `slipstick.importers.read` returns it."""
    inner, ignored = _unwrapped(value)
    entries = _entries(inner)
    stored = _bounded(entries)
    if not stored:
        raise UnreadableError("holds no tensors", NAMED)
    return State(_without_prefix({key: _torch(stored[key]) for key in stored}), ignored)


def _entries(network: Any) -> Iterator[tuple[str, Stored]]:
    if isinstance(network, Record):
        return _module_entries(network, itertools.count())
    return _dict_entries(network)


def _unwrapped(value: Any) -> tuple[Any, tuple[str, ...]]:
    """The network in a training program's dict, and the names of what is not known in it."""
    if not isinstance(value, dict):
        return value, ()
    for key in WRAPPERS:
        if isinstance(value.get(key), dict | Record):
            others = [type_name(k)[1:-1] for k in value if k != key and k not in TRAINING]
            return value[key], tuple(others)
    return value, ()


def _dict_entries(value: Any) -> Iterator[tuple[str, Stored]]:
    if not isinstance(value, dict):
        raise UnreadableError(f"holds a {type_name(value)} instead of a state dict", NAMED)
    wrong = [
        key
        for key, entry in value.items()
        if not isinstance(key, str) or not isinstance(entry, Stored)
    ]
    if wrong:
        names = ", ".join(type_name(key) for key in wrong[:5])
        raise UnreadableError(f"has entries that are no tensors: {names}", NAMED)
    yield from value.items()


def _module_entries(
    module: Record, visits: Iterator[int], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, Stored]]:
    """What ``state_dict()`` of a pickled module would hold, from the tables it is made of."""
    if depth > DEEPEST:
        raise UnreadableError(f"holds a cyclic module, or over {DEEPEST} in each other", NAMED)
    transient = module.fields.get("_non_persistent_buffers_set")
    hidden = transient if isinstance(transient, set) else set()
    for table in ("_parameters", "_buffers"):
        for name, entry in _table(module, table, visits):
            if entry is not None and name not in hidden:
                yield prefix + name, _stored(prefix + name, entry)
    for name, child in _table(module, "_modules", visits):
        if isinstance(child, Record):
            yield from _module_entries(child, visits, f"{prefix}{name}.", depth + 1)


def _stored(name: str, entry: Any) -> Stored:
    if not isinstance(entry, Stored):
        raise UnreadableError(f"has entries that are no tensors: {type_name(name)}", NAMED)
    return entry


def _table(module: Record, name: str, visits: Iterator[int]) -> Iterator[tuple[str, Any]]:
    """Names and entries, counted: a module that stands at many places is visited at each."""
    table = module.fields.get(name)
    if not isinstance(table, dict):
        raise UnreadableError(
            f"holds a {type_name(module.kind)}, which is no module of torch", NAMED
        )
    for key, entry in table.items():
        if next(visits) > MOST_KEYS:
            raise UnreadableError("holds a network of impossible size", NAMED)
        if isinstance(key, str):
            yield key, entry


def _bounded(entries: Iterator[tuple[str, Stored]]) -> dict[str, Stored]:
    """The entries, of which a module that shares its parts may claim any number."""
    stored: dict[str, Stored] = {}
    count = 0
    for key, entry in entries:
        if len(key) > LONGEST_NAME or not key.isprintable():
            raise UnreadableError(f"has a tensor of the name {type_name(key)}", NAMED)
        stored[key] = entry
        count += _count(entry)
        if len(stored) > MOST_KEYS or count > MOST_NUMBERS:
            raise UnreadableError("holds a network of impossible size", NAMED)
    return stored


def _count(entry: Stored) -> int:
    if isinstance(entry, Tensor):
        return entry.count
    if entry.numbers is None:
        raise UnreadableError("is truncated or damaged (an array has no numbers)")
    return math.prod(entry.numbers.shape)


def _torch(entry: Stored) -> torch.Tensor:
    if isinstance(entry, Tensor):
        return entry.numbers()
    assert entry.numbers is not None
    # Torch knows neither foreign byte orders nor numpy's larger unsigned types.
    unsigned = entry.numbers.dtype.kind == "u" and entry.numbers.dtype.itemsize > 1
    kind = "i8" if unsigned else entry.numbers.dtype.newbyteorder("=")
    return torch.from_numpy(entry.numbers.astype(kind, order="C"))


def _without_prefix(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if not all(key.startswith(_PARALLEL) for key in tensors):
        return tensors
    return {key.removeprefix(_PARALLEL): tensor for key, tensor in tensors.items()}
