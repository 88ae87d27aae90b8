"""The one Yosys flow through which all designs of the benchmarks go, ours and others'."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.lib import wiring
from kept import UnmeasuredError, kept

from slipstick.emit import to_rtlil, to_verilog
from slipstick.synth.borders import DISSOLVE
from slipstick.synth.cells import count_cells
from slipstick.synth.sites import estimate_sites

TOP = "bench"
PREPARE = (
    f"hierarchy -top {TOP}",
    "proc",
    "opt_expr",
    "opt_clean",
    "opt -nodffe -nosdff",
    "wreduce",
    "opt_clean",
    "alumacc",
    "opt_clean",
    "flatten",
    "opt_clean",
)
"""Keeps Yosys from melting chains of unregistered adders, which rivals have and we do not."""
SYNTHESISE = f"synth_xilinx -family xc7 -top {TOP} -flatten -noiopad -noclkbuf -run begin:check"
"""Stops before the step that strips the cells' delays, which `sta` needs."""
YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""
"""In a process of its own: Yosys as a library ends the interpreter on an error."""


@dataclass(frozen=True)
class Design:
    """Verilog whose top is `TOP`.

    Attributes
    ----------
    files : the Verilog, which reads no other file.
    parts : lanes, weights or layers that share the cells.
    cycles : latency, or cycles a frame; None where it is not known.
    dsp : whether Yosys may use DSP slices.
    """

    files: Sequence[Path]
    parts: int = 1
    cycles: int | None = None
    dsp: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table: a name and what writes the design's Verilog to an empty folder."""

    name: str
    write: Callable[[Path], Design]


@dataclass(frozen=True)
class Figures:
    """What a design takes in all, and its longest path between registers in ps, without wires.

    ``sites`` is an estimate and holds ``lutram``, RAM and shift registers in LUTs, which ``lut``
    does not.
    """

    parts: int
    cycles: int | None
    lut: int
    sites: int
    lutram: int
    ff: int
    bram36: float
    dsp: int
    path_ps: int

    def each(self, count: float) -> float:
        """``count`` for each of the parts."""
        return count / self.parts


def component(circuit: wiring.Component, folder: Path, parts: int, cycles: int) -> Design:
    """The design that ``circuit`` is."""
    return Design(to_verilog(to_rtlil(circuit, TOP)[0], folder), parts, cycles)


def measure(row: Row, seconds: float) -> Figures:
    """Writes and synthesises ``row``, in at most ``seconds``; raises `UnmeasuredError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        design = row.write(folder)
        commands = (*PREPARE, SYNTHESISE + ("" if design.dsp else " -nodsp"))
        contents = (file.read_bytes() for file in design.files)
        parts = (version("pyosys").encode(), "; ".join(commands).encode(), *contents)
        found = kept(
            parts, lambda: _synthesise(design.files, commands, folder, seconds), seconds > 0
        )
    return Figures(design.parts, design.cycles, **found)


def _synthesise(
    files: Sequence[Path], commands: Sequence[str], folder: Path, seconds: float
) -> dict[str, Any]:
    run = [sys.executable, "-c", YOSYS]
    run += [f"read_verilog -sv {file.relative_to(folder)}" for file in files]
    run += [*commands, *DISSOLVE, "tee -q -o sta.log sta"]
    run += [f"select {TOP}", "write_json -selected cells.json"]
    try:
        subprocess.run(run, cwd=folder, check=True, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise UnmeasuredError(f"Yosys was not done in {seconds:g} s") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).decode().strip().splitlines()
        raise UnmeasuredError(f"Yosys failed: {lines[-1] if lines else 'no message'}") from None
    document = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
    cells = list(document["modules"][TOP]["cells"].values())
    counts = asdict(count_cells(cell["type"] for cell in cells))
    del counts["carry4"]
    log = (folder / "sta.log").read_text(encoding="utf-8")
    arrivals = re.findall(r"^Latest arrival time in .* is (\d+):", log, re.MULTILINE)
    sites = estimate_sites(cells) + counts["lutram"]
    return {**counts, "sites": sites, "path_ps": max(map(int, arrivals), default=0)}
