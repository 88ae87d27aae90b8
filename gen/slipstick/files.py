"""Writes files whole or not at all."""

import os
from pathlib import Path

from slipstick.errors import SlipstickError


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` to ``path``: a reader never sees half a file, a failure leaves none.

    Raises `SlipstickError` if the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SlipstickError(
            f"File '{path}'",
            f"cannot be written ({error.strerror})",
            "make room, or make the folder writable",
        ) from error
