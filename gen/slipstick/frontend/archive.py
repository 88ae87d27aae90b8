"""An untrusted ``.pt2`` file to an archive that torch can load without executing any of it.

`torch.export.load` unpickles whatever an archive marks as pickled and evaluates the text of
symbolic sizes. So everything is read and checked here first, and torch is given a new archive
of only what was checked: the two cannot read one file differently.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export.pt2_archive import PT2ArchiveWriter

from slipstick.errors import SlipstickError

LARGEST_BYTES = 1 << 30
"""Unpacked size up to which a file is read; no network for an FPGA comes near."""
EXPORT = "write it with torch.export.save(torch.export.export(model.eval(), (images,)), path)"
AGAIN = "copy or export it again"

_PROGRAM = "models/model.json"
_FORMAT = ("archive_format", "archive_version")
_SAMPLES = "data/sample_inputs/model.pt"
_CONFIGS = {
    "data/weights/model_weights_config.json": "weight_",
    "data/constants/model_constants_config.json": "tensor_",
}
"""Tables of stored tensors, and the prefix of the files that hold raw numbers."""
_RAW = re.compile(r"data/(weights/weight|constants/tensor)_\d+")
_SYMBOLIC_SIZE = re.compile(
    r"(?!.*\*\*)(Symbol|Integer|Add|Mul|Mod|FloorDiv|CleanDiv|Max|Min|positive|nonnegative|integer"
    r"|True|False|'[su]\d+'|[su]\d+|\d+|[()=+\-*/, ])*"
)
"""No powers: a tower of them would take for ever to evaluate."""


def checked_archive(path: Path) -> io.BytesIO:
    """The program in the file ``path`` as a new ``.pt2`` archive, safe to load.

    Raises `SlipstickError` if it is no exported program, is damaged, too large, or holds
    anything that would have to be executed to be loaded.
    """
    thing = f"Model '{path}'"
    _check_kind(thing, path)
    try:
        with zipfile.ZipFile(path) as archive:
            records = _records(thing, archive)
        _check_records(thing, records)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise SlipstickError(
            thing, f"is a truncated or damaged archive ({error})", AGAIN
        ) from error
    return _written(records)


def _check_kind(thing: str, path: Path) -> None:
    """Refuses what is not a zip archive at all."""
    try:
        if not path.is_file():
            cause = "is a folder" if path.is_dir() else "does not exist"
            raise SlipstickError(thing, cause, "give the path of a .pt2 file")
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise SlipstickError(
            thing, f"cannot be read ({error.strerror})", "give the path of a file you may read"
        ) from error
    if start == b"PK" and not zipfile.is_zipfile(path):
        raise SlipstickError(thing, "is a truncated or damaged archive", AGAIN)
    if start != b"PK":
        kind = "a pickle" if start[:1] == b"\x80" else "not a zip archive"
        raise SlipstickError(thing, f"is {kind}, not an exported program", EXPORT)


def _records(thing: str, archive: zipfile.ZipFile) -> dict[str, bytes]:
    """What torch needs of the archive, by name without the root folder."""
    _check_size(thing, archive)
    names = [name.partition("/")[2] for name in archive.namelist()]
    if _PROGRAM not in names:
        pickled = any(name.endswith("data.pkl") for name in archive.namelist())
        cause = "is a pickled checkpoint" if pickled else "holds no exported program"
        raise SlipstickError(thing, cause, EXPORT)
    if len(set(names)) != len(names):
        raise SlipstickError(thing, "is an archive with two files of one name", AGAIN)
    wanted = {_PROGRAM, _SAMPLES, *_FORMAT, *_CONFIGS}
    return {
        name: archive.read(member)
        for name, member in zip(names, archive.infolist(), strict=True)
        if name in wanted or _RAW.fullmatch(name)
    }


def _check_size(thing: str, archive: zipfile.ZipFile) -> None:
    size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_BYTES:
        raise SlipstickError(
            thing,
            f"unpacks to {size >> 20} MiB",
            f"export a network of at most {LARGEST_BYTES >> 20} MiB",
        )


def _check_records(thing: str, records: dict[str, bytes]) -> None:
    for name, prefix in _CONFIGS.items():
        if name not in records:
            raise SlipstickError(
                thing, f"lacks '{name}', as files of old torch versions do", EXPORT
            )
        _check_tensors(thing, prefix, json.loads(records[name]))
    for text in _symbolic_sizes(json.loads(records[_PROGRAM])):
        if not _SYMBOLIC_SIZE.fullmatch(text):
            raise SlipstickError(
                thing, f"has the symbolic size {text[:60]!r}", "leave only the batch size open"
            )
    _check_samples(thing, records.get(_SAMPLES, b""))


def _check_tensors(thing: str, prefix: str, document: Any) -> None:
    """Refuses tensors that are stored as pickled objects instead of raw numbers."""
    entries = document.get("config") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise ValueError("its table of tensors is none")
    for key, entry in entries.items():
        if entry.get("use_pickle") or not str(entry.get("path_name")).startswith(prefix):
            raise SlipstickError(
                thing,
                f"stores '{key}' as a pickled object, which could execute anything",
                "export a network whose parameters are plain dense tensors",
            )


def _symbolic_sizes(document: Any) -> Iterator[str]:
    """Every text in the program that torch would evaluate."""
    if isinstance(document, dict):
        if isinstance(document.get("expr_str"), str):
            yield document["expr_str"]
        document = list(document.values())
    if isinstance(document, list):
        for value in document:
            yield from _symbolic_sizes(value)


def _check_samples(thing: str, samples: bytes) -> None:
    """Refuses a sample input that is more than tensors: torch would unpickle it."""
    if not samples:
        return
    with zipfile.ZipFile(io.BytesIO(samples)) as archive:
        _check_size(thing, archive)
    try:
        torch.load(io.BytesIO(samples), weights_only=True)
    except Exception as error:
        # The restricted unpickler meets whatever bytes are there.
        raise SlipstickError(
            thing, "has a sample input that is not a plain tensor", EXPORT
        ) from error


def _written(records: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with PT2ArchiveWriter(buffer) as writer:
        for name, content in records.items():
            writer.write_bytes(name, content)
    buffer.seek(0)
    return buffer
