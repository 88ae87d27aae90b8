"""Keeps Verilator's own compiled library in the user's cache: it is the same for every network.

It takes longer to compile than a small network. make uses what it finds to be newer than its
source, so the objects only have to be put where make would.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

from slipstick.sim.tools import compiler

OBJECTS = "verilated*.o"


def lend_runtime(objects: Path, options: list[str]) -> None:
    """Copies what is known of Verilator's library, compiled for ``options``, to ``objects``."""
    # A cache that cannot be read costs time, nothing else.
    with suppress(OSError):
        for path in _home(options).glob(OBJECTS):
            # Not copy2: the copy must be newer than the source.
            shutil.copyfile(path, objects / path.name)


def keep_runtime(objects: Path, options: list[str]) -> None:
    """Copies Verilator's library from ``objects`` to the cache, as far as it is not there."""
    home = _home(options)
    with suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        for path in objects.glob(OBJECTS):
            if not (home / path.name).exists():
                # Renamed into place, so that another process never sees half of it.
                with tempfile.TemporaryDirectory(dir=home) as work:
                    shutil.copyfile(path, Path(work) / path.name)
                    os.replace(Path(work) / path.name, home / path.name)


def _home(options: list[str]) -> Path:
    compiled = subprocess.run([*compiler(), "--version"], capture_output=True, check=True).stdout
    parts = [version("verilator").encode(), compiled, repr([compiler(), options]).encode()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("slipstick")) / f"verilator-{key}"
