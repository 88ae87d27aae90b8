"""A whole ECP5 design, Verilated, behind a port that looks like pyserial's."""

import ctypes
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyosys
from serial_line import DIVISOR, Bytes, Port

from slipstick.ecp5.sources import TOP
from slipstick.ecp5.tools import map_cells
from slipstick.sim.compile import FAST_CODE, Recipe, Verilated, kept, verilate

LIBRARY = "libline.so"
SOURCE = Path(__file__).with_name("verilated_line.cpp")
STOP_BIT = 0x100
CELLS = Path(pyosys.__file__).parent / "share" / "lattice" / "cells_sim_ecp5.v"
_INCLUDE = re.compile(r'`include "(.+)"')
TO_VERILOG = """
from pyosys import libyosys
design = libyosys.Design()
design.run_pass("read_json netlist.json")
design.run_pass("write_verilog -noattr gates.v")
"""
CALLS = {
    "line_make": [ctypes.c_int],
    "line_free": [ctypes.c_void_p],
    "line_send": [ctypes.c_void_p, ctypes.c_int],
    "line_sending": [ctypes.c_void_p],
    "line_run": [ctypes.c_void_p, ctypes.c_int],
    "line_take": [ctypes.c_void_p],
}


def line_library(project: Path) -> ctypes.CDLL:
    """The library of the Verilog in ``project/rtl``."""
    files = {f"rtl/{path.name}": path.read_text() for path in (project / "rtl").iterdir()}
    files[SOURCE.name] = SOURCE.read_text()

    def make(work: Path) -> None:
        verilated = Verilated("Vline", TOP, LIBRARY)
        link = ["-LDFLAGS", "-shared -Wl,-z,defs", SOURCE.name]
        verilate(work, verilated, ["-CFLAGS", "-fPIC"], link, FAST_CODE)

    library = ctypes.CDLL(str(kept(project, Recipe("line", LIBRARY, files, make))))
    library.line_make.restype = ctypes.c_void_p
    for name, arguments in CALLS.items():
        getattr(library, name).argtypes = arguments
    return library


def write_gates(project: Path, gates: Path) -> dict[str, int]:
    """Maps the design in ``project/rtl`` and writes it, with models of its cells, to ``gates/rtl``.

    Returns the cells. Yosys has no model of block RAMs, so there may be none.
    """
    work = gates / "work"
    work.mkdir(parents=True)
    (gates / "rtl").mkdir()
    texts = [path.read_text() for path in (project / "rtl").iterdir()]
    (work / "design.v").write_text("\n".join(texts))
    counted = map_cells(TOP, work)
    call = [sys.executable, "-c", TO_VERILOG]
    subprocess.run(call, cwd=work, check=True, stdout=subprocess.DEVNULL)
    (gates / "rtl" / f"{TOP}.v").write_text((work / "gates.v").read_text())
    (gates / "rtl" / "cells.v").write_text(_included(CELLS.read_text()))
    return counted["cells"]


def _included(text: str) -> str:
    return _INCLUDE.sub(lambda match: _included((CELLS.parent / match[1]).read_text()), text)


class VerilatedPort(Port):
    """To the design in ``library``."""

    def __init__(self, library: ctypes.CDLL, silence: float, **options: Any) -> None:
        super().__init__(silence, **options)
        self._library = library
        self._line = library.line_make(DIVISOR)

    def __del__(self) -> None:
        self._library.line_free(self._line)

    @property
    def sending(self) -> bool:
        return bool(self._library.line_sending(self._line))

    def send(self, raw: Iterable[int]) -> None:
        for byte in raw:
            self._library.line_send(self._line, byte)

    def run(self, cycles: int) -> Bytes:
        self._library.line_run(self._line, cycles)
        came = []
        while (byte := self._library.line_take(self._line)) >= 0:
            assert byte & STOP_BIT, "the board must send stop bits"
            came.append(byte & 0xFF)
        return came
