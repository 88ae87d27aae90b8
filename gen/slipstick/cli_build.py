"""The commands ``build`` and ``boards``: from a build folder to a board."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from slipstick.cli_output import Task, present, task

if TYPE_CHECKING:
    # Boards are read by a library that no other command needs to wait for.
    from slipstick.boards import Board, Ecp5Board, Series7Board

CHECK_FAILED = 1

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


def build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that compile made.")],
    board: Annotated[
        str | None,
        typer.Option(help="A board's name, or its TOML file; the one compiled for if left out."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Folder to make; in DIR if left out."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a board's project, and its bitstream where the tools for it are installed."""
    from slipstick.boards import board as find_board
    from slipstick.build_folder import read_manifest

    target = find_board(board if board is not None else read_manifest(folder).board.name)
    with task(f"Building {folder} for {target.name}") as progress:
        result = _build(target, folder, output, progress)
    present(result, _built, as_json)
    return CHECK_FAILED if result["ok"] is False else 0


def boards(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE.toml]", help="Check this file of your own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the boards, or check a board's file."""
    from slipstick.boards import board as find_board
    from slipstick.boards import board_names

    found = [find_board(name) for name in (board_names() if file is None else (file,))]
    present({"boards": [one.model_dump(mode="json") for one in found]}, _listed, as_json)


def _build(board: "Board", folder: Path, output: Path | None, progress: Task) -> dict[str, Any]:
    from slipstick.boards import Ecp5Board, Series7Board

    match board:
        case Series7Board():
            return _build_zynq(board, folder, output, progress)
        case Ecp5Board():
            return _build_ecp5(board, folder, output, progress)
    raise TypeError(f"Board must be of a known family, not {type(board).__name__}")


def _build_zynq(
    board: "Series7Board", folder: Path, output: Path | None, progress: Task
) -> dict[str, Any]:
    from slipstick.project import COMMAND, find_vivado, run_vivado, write_project

    progress.share("Writing the project", 0.0)
    project = write_project(folder, board, output)
    vivado = find_vivado()
    result = {"board": board.name, "part": board.part, "project": str(project)}
    if vivado is None:
        return {**result, "ok": None, "vivado": None, "command": shlex.join(COMMAND)}
    progress.share("Running Vivado", 0.1)
    return {**result, "vivado": vivado, **run_vivado(vivado, project).to_json()}


def _build_ecp5(
    board: "Ecp5Board", folder: Path, output: Path | None, progress: Task
) -> dict[str, Any]:
    from slipstick.ecp5 import build_ecp5

    return build_ecp5(folder, board, output, progress.share).to_json()


def _built(result: Mapping[str, Any]) -> RenderableType:
    """What was made, and what is left to do."""
    if "routed_mhz" in result:
        return _routed(result)
    lines = {"board": f"{result['board']}, {result['part']}", "project": result["project"]}
    if result["vivado"] is None:
        lines["bitstream"] = "none: Vivado is not on the path; copy the project to where it is, run"
        lines[""] = result["command"]
        return _facts(lines)
    used = ", ".join(f"{count:,g} {name}" for name, count in result["used"].items())
    slack = f"setup {result['setup_slack_ns']:+.3f} ns, hold {result['hold_slack_ns']:+.3f} ns"
    lines |= {
        "used": f"{used}, {result['latches']} latches",
        "slack": slack,
        "bitstream": result["bitstream"] or "none: see what is wrong in vivado.log",
    }
    return _facts(lines)


def _routed(result: Mapping[str, Any]) -> RenderableType:
    """What nextpnr made."""
    used, available = result["used"], result["available"]
    times = ", ".join(f"{tool} {seconds:.0f} s" for tool, seconds in result["seconds"].items())
    missed = "none: the clock is missed; choose a slower one in the board's file, or fewer lanes"
    return _facts(
        {
            "board": f"{result['board']}, {result['part']}",
            "project": result["project"],
            "used": ", ".join(f"{used[name]:,} of {available[name]:,} {name}" for name in used),
            "clock": f"{result['routed_mhz']:g} MHz routed, {result['clock_mhz']:g} MHz asked for",
            "serial port": f"{result['baud']:,} baud",
            "time": times,
            "bitstream": result["bitstream"] or missed,
        }
    )


def _listed(result: Mapping[str, Any]) -> RenderableType:
    """A board a line."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("board", "title", "part", "family", "clock", "system"):
        table.add_column(heading)
    for board in result["boards"]:
        table.add_row(
            board["name"],
            escape(board["title"]),
            board["part"],
            board["family"],
            f"{board['clock_mhz']:g} MHz",
            _system(board),
        )
    return table


def _system(board: Mapping[str, Any]) -> str:
    """What build makes for the board."""
    if board.get("zynq"):
        return "Zynq, Vivado"
    return "serial port, nextpnr" if board.get("ecp5") else "none: only counted"


def _facts(lines: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in lines.items():
        table.add_row(name, escape(text))
    return table
