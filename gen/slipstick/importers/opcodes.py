"""The operations of a pickle, read one by one without doing them."""

import codecs
import io
import pickletools
from collections.abc import Callable, Iterator
from typing import Any

from slipstick.importers.values import UnreadableError, damaged

MOST_OPERATIONS = 1 << 21
"""Operations up to which a pickle is read: a hundred times those of a large checkpoint."""

_CODES = {operation.code.encode("latin-1"): operation for operation in pickletools.opcodes}


def operations(file: io.BytesIO) -> Iterator[tuple[str, Any]]:
    """Name and argument of each operation from the position of ``file``; the last is STOP."""
    for _ in range(MOST_OPERATIONS):
        code = file.read(1)
        operation = _CODES.get(code)
        if operation is None:
            raise damaged(f"it has no operation {code!r}" if code else "it ends too early")
        yield operation.name, _argument(operation, file)
        if operation.name == "STOP":
            return
    raise UnreadableError(
        f"takes more than {MOST_OPERATIONS} operations to read", "give a file of one network"
    )


def _argument(operation: pickletools.OpcodeInfo, file: io.BytesIO) -> Any:
    if operation.arg is None:
        return None
    read: Callable[[io.BytesIO], Any] = operation.arg.reader
    # pickletools takes the quoted strings of Python 2 for ASCII, but arrays are stored in them.
    return _quoted(file) if operation.name == "STRING" else read(file)


def _quoted(file: io.BytesIO) -> str:
    """Python 2's ``repr`` of a string up to the end of the line."""
    text = file.readline().rstrip(b"\n")
    if len(text) < 2 or text[:1] not in b"'\"" or text[-1:] != text[:1]:
        raise damaged("a string has no quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")  # type: ignore[attr-defined]
