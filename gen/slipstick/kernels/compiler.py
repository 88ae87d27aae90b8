"""Compiles ``l1.cpp`` at first use and keeps it in the user's cache."""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import subprocess
import tempfile
import warnings
from importlib import resources
from pathlib import Path

import platformdirs

# No -ffast-math: linked into a shared object it switches the whole process to flush-to-zero.
FLAGS = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno"]


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None (with one warning) where they cannot be compiled."""
    try:
        return ctypes.CDLL(str(_compiled()))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # A ValueError says that CXX has an open quote.
        warnings.warn(
            f"The C++ L1 kernel is not available ({_reason(error)}); using slower torch code. "
            "Install g++ or set CXX to a C++17 compiler.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def kernel_available() -> bool:
    """Whether the C++ kernels compile and load here (compiles them if not yet done)."""
    return library() is not None


def _compiled() -> Path:
    """Path of the shared object for this source, compiler and processor."""
    compiler = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    version = subprocess.run([*compiler, "--version"], capture_output=True, check=True).stdout
    source = resources.files("slipstick.kernels").joinpath("l1.cpp").read_bytes()
    parts = [source, version, _processor().encode(), " ".join(FLAGS).encode()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    folder = Path(platformdirs.user_cache_dir("slipstick"))
    target = folder / f"l1-{key}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(compiler, source, target)
    return target


def _compile(compiler: list[str], source: bytes, target: Path) -> None:
    # Renamed into place at the end, so that two processes at once never load half a file.
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        built = Path(work) / target.name
        command = [*compiler, *FLAGS, "-x", "c++", "-", "-o", str(built)]
        subprocess.run(command, input=source, capture_output=True, check=True)
        os.replace(built, target)


def _processor() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    return " ".join([platform.machine(), platform.processor(), *sorted(set(flags))])


def _reason(error: Exception) -> str:
    stderr = getattr(error, "stderr", None)
    text = stderr.decode(errors="replace") if stderr else str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
