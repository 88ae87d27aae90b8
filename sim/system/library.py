"""The Verilated system core and the models of its buses, as one shared library."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from slipstick.sim.compile import FAST_CODE, Recipe, Verilated, kept, verilate
from slipstick.sim.tools import require

MODULE = "slipstick_system"
LIBRARY = "libslipstick_system.so"
SOURCE = "system.cpp"
SHARED = ["-CFLAGS", "-fPIC"]


def system_library(folder: Path, verilog: Mapping[str, str]) -> Path:
    """The library in build ``folder``, made of ``verilog`` (text by path) if it is not there."""
    require("g++", "make", "verilator")
    files = {**_harness(), **{f"rtl/{Path(path).name}": text for path, text in verilog.items()}}

    def make(work: Path) -> None:
        verilated = Verilated("Vsystem", MODULE, LIBRARY)
        # -z defs: a function that is missing is found here, and not when the library is loaded.
        link = ["-LDFLAGS", "-shared -Wl,-z,defs"]
        verilate(work, verilated, SHARED, [*link, SOURCE], FAST_CODE)

    return kept(folder, Recipe("system", LIBRARY, files, make)).absolute()


def _harness() -> dict[str, str]:
    folder = resources.files(__package__).joinpath("harness")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
