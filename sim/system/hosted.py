"""Runs of the C driver as a process of its own, and what it counted."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.driver import RunCounters, frame_bytes, results
from slipstick.sim.system.device import Profile

PROGRESS = "progress "
FINISHED = (0, 1)
"""Exit codes of a program that printed its last line."""


@dataclass(frozen=True, eq=False)
class HostedRun:
    """What one run of the driver left.

    Attributes
    ----------
    outputs : integers ``(N, C, H, W)``; fewer than the frames if there is an ``error``.
    counters : summed over all batches; None if there is an ``error``.
    error : what the driver says went wrong.
    violations : rules of the buses that were broken.
    """

    outputs: np.ndarray
    counters: RunCounters | None
    error: str | None
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Host:
    """The compiled driver of one network, and a folder for its files."""

    program: Path
    manifest: Manifest
    work: Path

    def run(
        self,
        images: np.ndarray,
        batch: int,
        seed: int,
        profile: Profile,
        progress: Callable[[int], None] = lambda done: None,
    ) -> HostedRun:
        """Runs ``images``, integers ``(N, C, H, W)``, ``batch`` at a time."""
        frames, written = self.work / "frames.bin", self.work / "results.bin"
        frames.write_bytes(frame_bytes(self.manifest, images))
        arguments = [frames, len(images), batch, written, seed, profile]
        document = self._answer(list(map(str, arguments)), progress)
        error = document.get("error")
        names = RunCounters.__dataclass_fields__
        return HostedRun(
            outputs=results(self.manifest, written.read_bytes()),
            counters=None if error else RunCounters(**{name: document[name] for name in names}),
            error=error["text"] if error else None,
            violations=tuple(document["violations"]),
        )

    def _answer(self, arguments: list[str], progress: Callable[[int], None]) -> dict:
        last = ""
        with (
            (self.work / "stderr").open("w+", encoding="utf-8") as complaints,
            subprocess.Popen(
                [str(self.program), *arguments],
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    if line.startswith(PROGRESS):
                        progress(int(line.removeprefix(PROGRESS)))
                    else:
                        last = line
            except BaseException:
                process.kill()
                raise
            if process.wait() not in FINISHED:
                complaints.seek(0)
                raise RuntimeError(
                    f"The driver ended with code {process.returncode}: {complaints.read().strip()}"
                )
        return json.loads(last)
