"""Runs synthesis workers side by side and leaves nothing behind, whatever happens."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipstick.errors import SlipstickError
from slipstick.synth.contents import move_contents
from slipstick.synth.hierarchy import Hierarchy

POLL_SECONDS = 0.05
LOG_LINES = 5


@dataclass(frozen=True)
class Task:
    """A module to synthesise; ``blackboxes`` are the modules whose insides are left out."""

    module: str
    blackboxes: tuple[str, ...] = ()


def run_tasks(
    hierarchy: Hierarchy, tasks: Sequence[Task], jobs: int
) -> Generator[tuple[Task, dict[str, Any]]]:
    """Yields each task with its worker's result, as they finish; starts them in order."""
    waiting = list(reversed(tasks))
    running: dict[Task, subprocess.Popen[bytes]] = {}
    with tempfile.TemporaryDirectory(prefix="slipstick-synth-") as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop()
                    running[task] = _start(hierarchy, task, Path(scratch) / task.module)
                for task in [t for t, process in running.items() if process.poll() is not None]:
                    folder = Path(scratch) / task.module
                    yield task, _result(task, running.pop(task), folder)
                    shutil.rmtree(folder)
                time.sleep(POLL_SECONDS)
        finally:
            for process in running.values():
                _kill(process)


def _start(hierarchy: Hierarchy, task: Task, folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir()
    own = hierarchy.sources[task.module] if task.blackboxes else hierarchy.verilog(task.module)
    (folder / "design.v").write_text(move_contents(own, folder), encoding="utf-8")
    stubs = "\n".join(hierarchy.sources[module] for module in task.blackboxes)
    (folder / "blackboxes.v").write_text(stubs, encoding="utf-8")
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "slipstick.synth.worker", task.module],
            cwd=folder,
            # Yosys's and abc's own temporary files go where they are removed with the rest.
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own, so that abc, which the worker starts, is ended with it.
            start_new_session=True,
        )


def _result(task: Task, process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    if process.returncode == 0:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return result
    if process.returncode == -signal.SIGKILL:
        raise SlipstickError(
            f"Module '{task.module}'",
            "Yosys was killed by the system, probably for want of memory",
            "use fewer jobs, or smaller folds (P, S, Q) for this layer",
        )
    log = (folder / "log").read_text(encoding="utf-8", errors="replace")
    last = " | ".join([line.strip() for line in log.splitlines() if line.strip()][-LOG_LINES:])
    raise SlipstickError(
        f"Module '{task.module}'",
        f"Yosys stopped with code {process.returncode} ({last})",
        "report this as a bug of Slipstick unless the Verilog was edited",
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    # It may have ended by itself meanwhile.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
