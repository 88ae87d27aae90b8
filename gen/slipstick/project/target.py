"""Whether a board can take a build."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from slipstick.boards import Capacity, Series7Board, Zynq
from slipstick.errors import SlipstickError

SYNTHESIS = "synthesis.json"


class Size(BaseModel):
    """What `synth` counted, as far as a part limits it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    lut_sites: int
    lutram: int
    ff: int
    bram36: float


def processor(board: Series7Board) -> Zynq:
    """The processor of ``board``.

    Raises `SlipstickError` if it has none.
    """
    if board.zynq is None:
        raise SlipstickError(
            f"Board '{board.name}'",
            "has no processor that a system core could serve: its file has no [zynq]",
            "choose a Zynq board, or add it as docs/adding-a-board.md says",
        )
    return board.zynq


def require_room(folder: Path, board: Series7Board) -> None:
    """Raises `SlipstickError` if build ``folder`` was counted and is larger than the part."""
    size = _size(folder / SYNTHESIS)
    if size is None:
        return
    for name, used, available in _shares(size, board.capacity):
        if used > available:
            raise SlipstickError(
                f"Build '{folder}'",
                f"takes {used:,g} {name}, and {board.part} of board '{board.name}' has "
                f"{available:,}",
                "compile it with fewer lanes, or choose a larger board",
            )


def _shares(size: Size, capacity: Capacity) -> tuple[tuple[str, float, int], ...]:
    return (
        ("LUT sites", size.lut_sites + size.lutram, capacity.lut),
        ("LUTs as memory", size.lutram, capacity.lutram),
        ("flip-flops", size.ff, capacity.ff),
        ("block RAMs", size.bram36, capacity.bram36),
    )


def _size(path: Path) -> Size | None:
    try:
        return Size.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        raise SlipstickError(
            f"File '{path}'",
            f"cannot be read ({str(error).splitlines()[0]})",
            "run slipstick synth again, or remove it",
        ) from error
