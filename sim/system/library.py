"""The Verilated system core and the models of its buses, as one shared library."""

import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from slipstick.build_folder import Manifest
from slipstick.sim.compile import FAST_CODE, Recipe, Verilated, kept, read_rtl, verilate
from slipstick.sim.tools import require
from slipstick.system import TOP, system_verilog

LIBRARY = "libslipstick_system.so"
SOURCE = "system.cpp"
HEADER = "slipstick_sim.h"
"""The C interface as the driver's port to the simulated system declares it."""
SHARED = ["-CFLAGS", "-fPIC"]


def system_files(folder: Path, manifest: Manifest, separate_clocks: bool = False) -> dict[str, str]:
    """The Verilog of build ``folder`` and of the system core around it, by path."""
    with tempfile.TemporaryDirectory(prefix="slipstick-") as name:
        paths = system_verilog(manifest, Path(name), separate_clocks=separate_clocks)
        around = {f"rtl/{path.name}": path.read_text(encoding="utf-8") for path in paths}
    return read_rtl(folder, manifest) | around


def system_library(folder: Path, verilog: Mapping[str, str]) -> Path:
    """The library in build ``folder``, made of ``verilog`` if it is not there.

    ``verilog`` is text by path, all below ``rtl/``.
    """
    require("g++", "make", "verilator")
    files = _harness() | dict(verilog)

    def make(work: Path) -> None:
        verilated = Verilated("Vsystem", TOP, LIBRARY)
        # -z defs: a function that is missing is found here, and not when the library is loaded.
        link = ["-LDFLAGS", "-shared -Wl,-z,defs"]
        verilate(work, verilated, SHARED, [*link, SOURCE], FAST_CODE)

    return kept(folder, Recipe("system", LIBRARY, files, make)).absolute()


def _harness() -> dict[str, str]:
    own = resources.files(__package__).joinpath("harness")
    shared = resources.files("slipstick.firmware").joinpath("ports", "host", HEADER)
    return {path.name: path.read_text(encoding="utf-8") for path in (*own.iterdir(), shared)}
