"""Checkpoint files of every format to inert values; nothing in them is executed."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from slipstick.errors import SlipstickError
from slipstick.importers.archive import LARGEST_BYTES, load_archive, too_large
from slipstick.importers.legacy import MAGIC, load_legacy
from slipstick.importers.machine import load_pickle
from slipstick.importers.values import UnreadableError, damaged

_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of numbers, texts and archives raise on damaged bytes."""


def read_checkpoint(path: Path) -> Any:
    """The value saved in the file ``path``, of torch's formats or a plain pickle.

    Raises `SlipstickError` if it is none, is damaged, too large, or wants anything executed.
    """
    content = _content(path)
    try:
        return _load(content)
    except UnreadableError as error:
        raise error.of(file_named(path)) from None
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise damaged(reason).of(file_named(path)) from error


def file_named(path: Path) -> str:
    """How errors call the file ``path``."""
    return f"File '{path}'"


def _content(path: Path) -> bytes:
    if not path.is_file():
        cause = "is a folder" if path.is_dir() else "does not exist"
        raise SlipstickError(file_named(path), cause, "give the path of a checkpoint")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise too_large(path.stat().st_size).of(file_named(path))
        return path.read_bytes()
    except OSError as error:
        raise SlipstickError(
            file_named(path), f"cannot be read ({error.strerror})", "change its permissions"
        ) from error


def _load(content: bytes) -> Any:
    if content[:2] == b"PK":
        return load_archive(io.BytesIO(content))
    # Protocol 2 and later starts with its number, protocol 0 with a mark or an object's name.
    if content[:1] not in (b"\x80", b"(", b"c", b"}", b"]"):
        raise UnreadableError(
            "is no checkpoint, neither of torch nor of pickle", "give a file of torch.save"
        )
    file = io.BytesIO(content)
    value = load_pickle(file)
    return load_legacy(file) if value == MAGIC else value
