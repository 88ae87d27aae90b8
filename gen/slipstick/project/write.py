"""Writes the project of a build for a Zynq board."""

import shutil
from importlib import resources
from pathlib import Path

import jinja2

from slipstick.boards import Series7Board
from slipstick.build_folder import read_manifest
from slipstick.driver import write_model
from slipstick.files import fresh_folder, made_whole
from slipstick.project.target import processor, require_room
from slipstick.project.verilog import REGISTER_BASE, write_verilog

TEMPLATES = ("settings.tcl", "zynq_top.xdc", "README.txt")
SEPARATE_CLOCKS = "block_design.xdc"
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:")


def write_project(folder: Path, board: Series7Board, output: Path | None = None) -> Path:
    """Writes the project of build ``folder`` for ``board``; returns the project's folder.

    Parameters
    ----------
    output : the folder to make; by default ``project-`` and the board's name in ``folder``.

    The stream core gets a clock of its own where the board's core and bus clocks differ. Raises
    `SlipstickError` if the build does not fit the board, is damaged, or the folder cannot be
    made; then nothing is left behind.
    """
    zynq = processor(board)
    manifest = read_manifest(folder)
    require_room(folder, board)
    target = fresh_folder(output or folder / f"project-{board.name}")
    separate_clocks = board.clock_mhz != zynq.bus_mhz
    with made_whole(target) as work:
        sources = write_verilog(folder, manifest, work, separate_clocks, zynq.led is not None)
        facts = {
            **zynq.model_dump(),
            "board_part": zynq.board_part or "",
            "network": manifest.top,
            "part": board.part,
            "title": board.title,
            "core_mhz": board.clock_mhz,
            "separate_clocks": separate_clocks,
            "register_base": REGISTER_BASE,
            "sources": sources,
        }
        for name in (*TEMPLATES, *([SEPARATE_CLOCKS] if separate_clocks else [])):
            (work / name).write_text(_rendered(name, facts), encoding="utf-8")
        _copy_scripts(work)
        _copy_firmware(folder, work / "firmware")
    return target


def tcl_word(text: str) -> str:
    """``text`` as one word of Tcl, whatever it holds."""
    return "".join(c if c in PLAIN else f"\\u{ord(c):04x}" for c in text) or "{}"


def _rendered(name: str, facts: dict[str, object]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slipstick.project"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["tcl"] = tcl_word
    return environment.get_template(f"{name}.j2").render(facts)


def _copy_scripts(target: Path) -> None:
    for script in resources.files(__package__).joinpath("tcl").iterdir():
        (target / script.name).write_bytes(script.read_bytes())


def _copy_firmware(build: Path, target: Path) -> None:
    with resources.as_file(resources.files("slipstick.firmware")) as source:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    write_model(build, target)
