"""The fast path: a C++ harness compares every beat, Python only feeds it golden values."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.graph import Graph
from slipstick.sim.golden import golden_beats
from slipstick.sim.observed import Observed
from slipstick.sim.share import Share
from slipstick.sim.traffic import Traffic, drain
from slipstick.streams import unpack

FRAMES_WORTH_A_PROCESS = 8
WORD = np.uint32


@dataclass(frozen=True)
class Job:
    """What every harness of one simulation has in common.

    Attributes
    ----------
    progress : is told by how many frames the work has grown.
    """

    program: Path
    graph: Graph
    manifest: Manifest
    traffic: Traffic
    waves: Path | None
    progress: Callable[[int], None]


def run_fast(job: Job, images: np.ndarray) -> list[Share]:
    """Simulates ``images``, spread over the processor's cores; shares in order of frames."""
    processes = min(os.cpu_count() or 1, max(len(images) // FRAMES_WORTH_A_PROCESS, 1))
    ends = np.linspace(0, len(images), (1 if job.waves else processes) + 1).astype(int).tolist()
    parts = [(start, images[start:end]) for start, end in pairwise(ends)]
    with tempfile.TemporaryDirectory(prefix="slipstick-") as name, ExitStack() as stack:
        harnesses = [
            stack.enter_context(_harness(job, Path(name), start, len(part)))
            for start, part in parts
        ]
        pool = stack.enter_context(ThreadPoolExecutor(len(parts)))
        # Left early, for whatever reason, the processes must end before the pool is waited for.
        stack.callback(_stop, harnesses)
        futures = [
            pool.submit(_run_share, job, harness, part)
            for harness, (_, part) in zip(harnesses, parts, strict=True)
        ]
        return [future.result() for future in futures]


@dataclass
class _Harness:
    """A running harness and the thread that reads what it prints."""

    process: subprocess.Popen[bytes]
    first_frame: int
    outputs: Path
    complaints: Path
    answer: dict[str, object] | None = None
    reader: threading.Thread | None = None

    def stop(self) -> None:
        """Ends the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _stop(harnesses: list[_Harness]) -> None:
    for harness in harnesses:
        harness.stop()


@contextmanager
def _harness(job: Job, work: Path, first_frame: int, frames: int) -> Iterator[_Harness]:
    outputs, complaints = (work / f"{first_frame}.{kind}" for kind in ("outputs", "stderr"))
    traffic = job.traffic
    arguments = [
        frames,
        traffic.patience(job.manifest),
        drain(job.manifest),
        traffic.seed + first_frame,
        traffic.idle,
        traffic.stall,
        500_000 / job.manifest.board.clock_mhz,
        outputs,
        job.waves or "",
    ]
    with complaints.open("wb") as stderr:
        process = subprocess.Popen(
            [str(job.program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    harness = _Harness(process, first_frame, outputs, complaints)
    harness.reader = threading.Thread(target=_read, args=(harness, job.progress), daemon=True)
    harness.reader.start()
    try:
        yield harness
    finally:
        harness.stop()
        harness.reader.join()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                _open(pipe).close()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _read(harness: _Harness, progress: Callable[[int], None]) -> None:
    seen = 0
    for line in _open(harness.process.stdout):
        if line.startswith(b"progress "):
            done = int(line.split()[1])
            progress(done - seen)
            seen = done
        else:
            harness.answer = json.loads(line)


def _run_share(job: Job, harness: _Harness, images: np.ndarray) -> Share:
    stdin = _open(harness.process.stdin)
    golden = []
    # A harness that finds a deadlock ends without reading the rest.
    with suppress(BrokenPipeError):
        for beats in golden_beats(job.graph, job.manifest, images):
            stdin.write(beats.records().data)
            golden.append(beats.output)
        stdin.close()
    harness.process.wait()
    assert harness.reader is not None
    harness.reader.join()
    if harness.answer is None:
        complaint = harness.complaints.read_text(encoding="utf-8", errors="replace").strip()
        code = harness.process.returncode
        raise RuntimeError(f"Simulation ended with code {code}: {complaint or 'no message'}")
    observed = Observed.from_json(harness.answer)
    return Share(
        first_frame=harness.first_frame,
        frames=len(images),
        observed=observed,
        golden=np.concatenate(golden),
        outputs=None if observed.deadlocked else _outputs(job.manifest, harness.outputs),
    )


def _outputs(manifest: Manifest, path: Path) -> np.ndarray:
    """What left the network, integers ``(N, C, H, W)``."""
    stream = manifest.output
    words = np.fromfile(path, WORD).reshape(-1, stream.beats_per_frame, stream.words)
    return unpack(words, stream.layout, stream.width, stream.signed, stream.shape)
