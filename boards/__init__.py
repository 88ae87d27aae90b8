"""Boards: one TOML file a board, with its part, what fits into it, and how it is connected."""

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slipstick.boards.description import (
    Board,
    Capacity,
    Ecp5,
    Ecp5Board,
    Ecp5Capacity,
    Pin,
    Series7Board,
    Zynq,
)
from slipstick.errors import SlipstickError

__all__ = [
    "Board",
    "Capacity",
    "Ecp5",
    "Ecp5Board",
    "Ecp5Capacity",
    "Pin",
    "Series7Board",
    "Zynq",
    "board",
    "board_names",
]

SUFFIX = ".toml"
FAMILIES: dict[str, type[Board]] = {"xc7": Series7Board, "ecp5": Ecp5Board}
"""What a file of each family holds."""


def board_names() -> tuple[str, ...]:
    """Names of the boards that come with Slipstick, sorted."""
    entries = resources.files(__name__).iterdir()
    return tuple(sorted(e.name.removesuffix(SUFFIX) for e in entries if e.name.endswith(SUFFIX)))


def board(name: str) -> Board:
    """The board called ``name``, or the one described by the TOML file at path ``name``.

    Raises `SlipstickError` if there is no such board, or if the file is no valid description.
    """
    if name in board_names():
        text = resources.files(__name__).joinpath(name + SUFFIX).read_text(encoding="utf-8")
        return _parse(name, text)
    if name.endswith(SUFFIX):
        return _parse(name, _read(Path(name)))
    close = difflib.get_close_matches(name, board_names(), n=1)
    raise SlipstickError(
        f"Board '{name}'",
        f"is not one of {', '.join(board_names())}",
        f"did you mean '{close[0]}'?" if close else "choose one of these, or give a .toml file",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SlipstickError(
            f"Board file '{path}'", f"cannot be read ({reason})", "give the path of a .toml file"
        ) from error


def _parse(name: str, text: str) -> Board:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Beside what is no TOML: numbers of thousands of digits, a tower of brackets.
        raise SlipstickError(
            f"Board file '{name}'", f"is no valid TOML ({error})", "correct the file"
        ) from error
    family = document.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        choices = " or ".join(f"'{choice}'" for choice in FAMILIES)
        raise _invalid(name, f"key 'family': must be {choices}, not {family!r}")
    try:
        return FAMILIES[family].model_validate(document)
    except ValidationError as error:
        raise _invalid(name, _complaint(error.errors()[0])) from error


def _invalid(name: str, cause: str) -> SlipstickError:
    return SlipstickError(f"Board file '{name}'", cause, "compare it with docs/adding-a-board.md")


def _complaint(first: Any) -> str:
    """One line for the first of pydantic's complaints: where, what, and the value found."""
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        # A rule of ours, which names the value itself.
        return f"key '{key}': {first['ctx']['error']}"
    found = "" if first["type"] == "missing" else f", not {first['input']!r}"
    return f"key '{key}': {first['msg'][0].lower()}{first['msg'][1:]}{found}"
