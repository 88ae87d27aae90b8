"""Boards: one TOML file a board, with its part and what fits into it."""

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipstick.errors import SlipstickError

__all__ = ["Board", "Capacity", "board", "board_names"]

SUFFIX = ".toml"


class Capacity(BaseModel):
    """How many of each resource the part has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lut: int = Field(gt=0, description="6-input look-up tables")
    ff: int = Field(gt=0, description="flip-flops")
    bram36: int = Field(ge=0, description="36 Kbit block RAMs")
    dsp: int = Field(ge=0, description="DSP slices, of which a build uses none")
    lutram: int = Field(ge=0, description="those look-up tables that can be RAM or shift register")


class Board(BaseModel):
    """A board: what the compiler and the reports know of the target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = Field(min_length=1)
    part: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="as Vivado spells it")
    # The resource counts come from Yosys's 7-series mapping; another family has other cells.
    family: Literal["xc7"]
    clock_mhz: float = Field(gt=0, le=1000, description="clock assumed for frames a second")
    capacity: Capacity


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
    try:
        return Board.model_validate(document)
    except ValidationError as error:
        raise SlipstickError(
            f"Board file '{name}'",
            _complaint(error.errors()[0]),
            "compare it with docs/adding-a-board.md",
        ) from error


def _complaint(first: Any) -> str:
    """One line for the first of pydantic's complaints: where, what, and the value found."""
    key = ".".join(str(part) for part in first["loc"])
    found = "" if first["type"] == "missing" else f", not {first['input']!r}"
    return f"key '{key}': {first['msg'][0].lower()}{first['msg'][1:]}{found}"
