"""The C driver and its port to the simulated system, compiled for this machine."""

import os
import shlex
import shutil
import subprocess
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from slipstick.driver import write_model
from slipstick.errors import SlipstickError

PROGRAM = "slipstick-host"
# Warnings of the firmware's own build; here they would only frighten a user of another compiler.
FLAGS = ["-std=c11", "-O2"]
PARTS = (".", "ports/host")


def compile_driver(folder: Path, library: Path, work: Path) -> Path:
    """Compiles ``firmware/`` for the network of build ``folder`` into folder ``work``.

    The program's arguments are those of ``firmware/ports/host/main.c``; it loads ``library``.

    Raises `SlipstickError` if there is no C compiler, or if the build folder is damaged.
    """
    sources = work / "firmware"
    sources.mkdir()
    for part in PARTS:
        _copy(resources.files("slipstick.firmware").joinpath(part), sources)
    write_model(folder, sources)
    program = work / PROGRAM
    names = sorted(path.name for path in sources.glob("*.c"))
    link = [str(library), f"-Wl,-rpath,{library.parent}"]
    _run([*c_compiler(), *FLAGS, "-o", str(program), *names, *link], sources)
    return program


def c_compiler() -> list[str]:
    """The C compiler's command: CC of the environment, or gcc."""
    wanted = os.environ.get("CC", "")
    try:
        command = shlex.split(wanted) or ["gcc"]
    except ValueError as error:
        raise SlipstickError(f"Variable CC={wanted}", str(error), "correct or unset it") from error
    if shutil.which(command[0]) is None:
        raise SlipstickError(
            "Program 'gcc'", f"'{command[0]}' was not found", "apt-get install gcc, or correct CC"
        )
    return command


def _copy(part: Traversable, target: Path) -> None:
    for path in part.iterdir():
        if path.name.endswith((".c", ".h")):
            (target / path.name).write_bytes(path.read_bytes())


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line]
        raise SlipstickError(
            f"Program '{command[0]}'",
            f"failed on the driver ({(lines or ['no message'])[0].strip()})",
            "run slipstick doctor; if it finds nothing wrong, this is a bug of ours",
        )
