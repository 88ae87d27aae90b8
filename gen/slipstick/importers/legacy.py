"""Torch's files before 1.6: a pickle of tensors, then the bytes of their storages."""

import io
import struct
from typing import Any

from slipstick.importers.machine import load_pickle
from slipstick.importers.tensors import Part, Storage, storage_kind
from slipstick.importers.values import UnreadableError, damaged

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that a file starts with."""
_VERSION = 1001


def load_legacy(file: io.BytesIO) -> Any:
    """The value saved in ``file``, whose position is behind the magic number."""
    if load_pickle(file) != _VERSION:
        raise damaged("it has no version")
    system = load_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UnreadableError("comes from a big-endian machine", "save it on a little-endian one")
    storages: dict[Any, Storage] = {}
    value = load_pickle(file, lambda name: _persistent(name, storages))
    _read_storages(file, storages)
    return value


def _persistent(name: Any, storages: dict[Any, Storage]) -> Any:
    """A storage, or the class of a module, which stands beside its source text."""
    if not isinstance(name, tuple) or len(name) < 2:
        raise damaged("a storage has no name")
    if name[0] == "module":
        return name[1]
    if name[0] != "storage" or len(name) != 6:
        raise damaged("a storage has no name")
    _, kind, key, _device, count, view = name
    storage = known_storage(storages, key, kind, count)
    return Part(storage, 0, count) if view is None else _view(storage, view)


def known_storage(storages: dict[Any, Storage], key: Any, kind: Any, count: Any) -> Storage:
    """The storage of that key, entered into ``storages`` if it is new."""
    if not isinstance(key, str) or type(count) is not int or count < 0:
        raise damaged("a storage has no name")
    storage = storages.setdefault(key, Storage(storage_kind(kind), count))
    if (storage.kind, storage.count) != (storage_kind(kind), count):
        raise damaged(f"storage {key[:20]!r} has two sizes")
    return storage


def _view(storage: Storage, view: Any) -> Part:
    """The part of a storage that very old files name beside it: key, offset, count."""
    if not isinstance(view, tuple) or len(view) != 3:
        raise damaged("a view is none")
    _, start, count = view
    if type(start) is not int or type(count) is not int or min(start, count) < 0:
        raise damaged("a view is none")
    if start + count > storage.count:
        raise damaged("a view reaches beyond its storage")
    return Part(storage, start, count)


def _read_storages(file: io.BytesIO, storages: dict[Any, Storage]) -> None:
    """The storages, in the order of a list of their keys, each behind its length."""
    keys = load_pickle(file)
    if not isinstance(keys, list):
        raise damaged("it lists no storages")
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        (count,) = struct.unpack("<q", file.read(8))
        if storage is None or count != storage.count:
            raise damaged("a storage has another size than its tensors say")
        storage.content = file.read(storage.size)
