"""Exported programs from files, which are not trusted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import slipstick.nn  # noqa: F401  registers the custom ops that a program may call
from slipstick.errors import SlipstickError
from slipstick.frontend.archive import EXPORT, checked_archive


def load_program(path: Path) -> torch.export.ExportedProgram:
    """The exported program in the ``.pt2`` file ``path``; nothing in it is executed.

    Raises `SlipstickError` for whatever is not a plain exported program.
    """
    archive = checked_archive(path)
    try:
        with _quiet("torch.export"):
            return torch.export.load(archive)
    except Exception as error:
        # torch.export raises errors of many kinds on a program it cannot rebuild.
        raise SlipstickError(
            f"Model '{path}'", f"is no readable program ({first_line(error)})", EXPORT
        ) from error


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Without the tracebacks that torch logs of errors it raises as well."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
