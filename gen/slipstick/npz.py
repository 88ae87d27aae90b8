"""Reads ``.npz`` files, which are not trusted."""

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

LARGEST_BYTES = 1 << 32
"""Unpacked size up to which a file is read: a small file can claim to hold any amount."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the file ``path`` by name; pickled ones are refused.

    Raises `ValueError`, whose text is the cause, if it cannot be read.
    """
    try:
        # Opened here, since numpy leaves the file open where it is damaged.
        with path.open("rb") as file:
            _check_size(file)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except Exception as error:
        # zipfile, zlib and numpy raise errors of many kinds on damaged bytes.
        raise ValueError(str(error) or type(error).__name__) from error
    for name, array in arrays.items():
        # numpy hands out whatever else is in the archive as bytes.
        if not isinstance(array, np.ndarray):
            raise ValueError(f"'{name}' is no array")
    return arrays


def _check_size(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_BYTES:
        raise ValueError(f"unpacks to {size >> 20} MiB, at most {LARGEST_BYTES >> 20} are read")
    file.seek(0)
