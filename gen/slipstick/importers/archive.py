"""Torch's files since 1.6: a zip archive of a pickle and one file a storage."""

import io
import zipfile
from typing import Any

from slipstick.importers.legacy import known_storage
from slipstick.importers.machine import load_pickle
from slipstick.importers.tensors import Part, Storage
from slipstick.importers.values import UnreadableError, damaged

LARGEST_BYTES = 1 << 30
"""Unpacked size up to which a file is read; no network for an FPGA comes near."""


def load_archive(file: io.BytesIO) -> Any:
    """The value saved in the archive ``file``."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise damaged("two of its files have one name")
        size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_BYTES:
            raise too_large(size)
        return _Reader(archive, _root(names)).load()


def too_large(size: int) -> UnreadableError:
    """The error of a file of so many bytes."""
    return UnreadableError(
        f"holds {size >> 20} MiB", f"give a network of at most {LARGEST_BYTES >> 20} MiB"
    )


def _root(names: list[str]) -> str:
    """The folder in the archive that holds the pickle."""
    if any(name.endswith("models/model.json") for name in names):
        raise UnreadableError("is an exported program already", "give it to slipstick compile")
    roots = [name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")]
    if len(roots) != 1:
        raise UnreadableError("is an archive without a checkpoint", "give a file of torch.save")
    if any(name.startswith(f"{roots[0]}code/") for name in names):
        raise UnreadableError("is a TorchScript program", "save the state dict of the module")
    return roots[0]


class _Reader:
    """Reads the pickle, and each storage when it is met first."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        self._archive = archive
        self._root = root
        self._storages: dict[Any, Storage] = {}

    def load(self) -> Any:
        """The saved value."""
        order = f"{self._root}byteorder"
        if order in self._archive.namelist() and self._archive.read(order) != b"little":
            raise UnreadableError(
                "comes from a big-endian machine", "save it on a little-endian one"
            )
        pickle = self._archive.read(f"{self._root}data.pkl")
        return load_pickle(io.BytesIO(pickle), self._persistent)

    def _persistent(self, name: Any) -> Part:
        if not isinstance(name, tuple) or len(name) != 5 or name[0] != "storage":
            raise damaged("a storage has no name")
        _, kind, key, _device, count = name
        storage = known_storage(self._storages, key, kind, count)
        if storage.content is None:
            storage.content = self._content(key, storage.size)
        return Part(storage, 0, count)

    def _content(self, key: str, size: int) -> bytes:
        content = self._archive.read(f"{self._root}data/{key}")
        if len(content) != size:
            raise damaged(f"storage {key[:20]!r} has {len(content)} bytes instead of {size}")
        return content
