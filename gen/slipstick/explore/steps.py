"""The steps of a circuit: what a worker is sent, and what of it is already there."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Name = Literal["compile", "synth", "simulate"]

USER_ERROR = 2
LOG_LINES = 5


@dataclass(frozen=True)
class Step:
    """One compile, synthesis or simulation, told in what JSON can hold.

    Parameters
    ----------
    name : what is done.
    folder : the build folder that it makes, or adds to.
    options : of the function that does it.
    """

    name: Name
    folder: str
    options: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether its result is there; each of these files is written whole, and last."""
        folder = Path(self.folder)
        if self.name == "compile":
            return (folder / "manifest.json").exists()
        if self.name == "synth":
            return (folder / "synthesis.json").exists()
        try:
            found = json.loads((folder / "simulation.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(found["frames"] == self.options["frames"])


def perform(step: Step, before: dict[str, str] | None = None) -> dict[str, str] | None:
    """Does ``step`` unless its result is there; returns what is wrong with the input, or None.

    ``before`` is what the step before it returned: where that failed there is nothing to do. The
    work is done in a process of its own, on one core, which ends itself when this one dies.

    Raises `RuntimeError` if that process fails by a bug of ours.
    """
    if before is not None or step.is_done:
        return before
    process = subprocess.Popen(
        [sys.executable, "-m", "slipstick.explore.job", json.dumps(asdict(step))],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Held open and never written: its end tells the process that nobody waits for it.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    # Not communicate(), which would close stdin. The process writes little to stderr before its
    # end, and nothing but an error to stdout.
    log = process.stderr.read()
    found = process.stdout.read()
    code = process.wait()
    if code == USER_ERROR:
        error: dict[str, str] = json.loads(found)
        return error
    if code:
        last = " | ".join([line.strip() for line in log.splitlines() if line.strip()][-LOG_LINES:])
        raise RuntimeError(f"The {step.name} step stopped with code {code} ({last})")
    return None
