"""Writes files and folders whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
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


def fresh_folder(folder: Path) -> Path:
    """``folder``, known to be absent or empty and to lie where one can be made.

    Raises `SlipstickError` if it is not.
    """
    try:
        # A link to nothing is there, though it does not exist.
        is_there, is_folder = folder.is_symlink() or folder.exists(), folder.is_dir()
        if is_there and (not is_folder or any(folder.iterdir())):
            kind = "is not empty" if is_folder else "is a file"
            raise SlipstickError(f"Folder '{folder}'", kind, "choose another -o or remove it")
        folder = folder.resolve()
        nearest = next(parent for parent in folder.parents if parent.exists())
        tempfile.TemporaryDirectory(prefix=_work_prefix(folder), dir=nearest).cleanup()
    except (OSError, RuntimeError) as error:
        # A loop of links is a RuntimeError until Python 3.12.
        raise SlipstickError(
            f"Folder '{folder}'",
            f"cannot be written ({getattr(error, 'strerror', None) or error})",
            "choose another -o or change the permissions",
        ) from error
    return folder


@contextlib.contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """Yields a folder to fill; it becomes ``folder``, which `fresh_folder` gave, when all is well.

    Otherwise nothing is left behind.
    """
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=_work_prefix(folder), dir=folder.parent))
    try:
        yield work
        work.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _work_prefix(folder: Path) -> str:
    """Of the folder beside ``folder`` in which it is made."""
    return f".{folder.name}-"
