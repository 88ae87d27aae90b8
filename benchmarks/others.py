"""Runs other generators, each in an environment of its own that ``make bench`` makes.

Their packages want versions of others that need not be ours.
"""

import subprocess
from pathlib import Path

from kept import ROOT, UnmeasuredError

PROGRAMS = Path(__file__).resolve().parent / "rivals"


def release(rival: str) -> str:
    """Name and release of ``rival``, as pip installs it."""
    return (PROGRAMS / f"{rival}.txt").read_text(encoding="utf-8").strip().replace("==", " ")


def run(rival: str, *arguments: str, seconds: float = 600) -> str:
    """What ``rival``'s program prints last; raises `UnmeasuredError`."""
    python = ROOT / "build" / "rivals" / rival / "bin" / "python"
    if not python.exists():
        raise UnmeasuredError(f"{rival} is not installed; `make bench` does that")
    program = PROGRAMS / f"write_{rival}.py"
    try:
        done = subprocess.run(
            [python, program, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnmeasuredError(f"{rival} was not done in {seconds:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise UnmeasuredError(f"{rival} failed: {lines[-1] if lines else 'no message'}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
