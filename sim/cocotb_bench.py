"""The thorough path: prepares a job for the cocotb bench, runs it, and reads what it saw."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.errors import SlipstickError
from slipstick.graph import Graph
from slipstick.sim.compile import cocotb_program, icarus_program
from slipstick.sim.frames import Frames
from slipstick.sim.golden import Beats, golden_beats
from slipstick.sim.observed import Observed
from slipstick.sim.protocol import (
    BACK_TO_BACK,
    FOLDER_VARIABLE,
    MEASURED_FRAMES,
    PROGRESS,
    RANDOM_TRAFFIC,
)
from slipstick.sim.share import Share
from slipstick.sim.summary import Runs
from slipstick.sim.tools import check_tools
from slipstick.sim.traffic import Traffic, drain
from slipstick.sim.wrapper import MODULE, probed_streams
from slipstick.streams import unpack

LOG_LINES = 400
MOST_SEEDS = 2**31 - 1
"""Verilator's are positive and have 31 bits."""


@dataclass(frozen=True)
class CocotbJob:
    """A build folder and how it is simulated.

    Attributes
    ----------
    simulator : ``verilator`` or ``icarus``.
    waves : file for a waveform, or None.
    frame_done : is called whenever a frame has left the network.
    """

    folder: Path
    manifest: Manifest
    graph: Graph
    traffic: Traffic
    simulator: str = "verilator"
    waves: Path | None = None
    frame_done: Callable[[], None] = lambda: None

    def program(self) -> Path:
        """The simulation program, compiled if need be."""
        compile_for = icarus_program if self.simulator == "icarus" else cocotb_program
        return compile_for(self.folder, self.manifest, self.waves is not None).absolute()


def run_cocotb(job: CocotbJob, frames: Frames, report: Callable[[int, int, str], None]) -> Runs:
    """Frames back to back to measure cycles, then all of them with random traffic."""
    scenarios = [RANDOM_TRAFFIC]
    total = len(frames)
    if len(frames) > 1 and not job.traffic.dense:
        scenarios.insert(0, BACK_TO_BACK)
        total += min(MEASURED_FRAMES, len(frames))
    done = 0

    def frame_done() -> None:
        nonlocal done
        done += 1
        report(done, total, "frames")

    report(0, total, "compiling")
    job.program()
    start = time.monotonic()
    shares = run_scenarios(replace(job, frame_done=frame_done), frames.images, scenarios)
    dense = shares[0] if len(shares) > 1 or job.traffic.dense else None
    return Runs(shares[-1:], dense, time.monotonic() - start, f"{job.simulator}, cocotb")


def run_scenarios(job: CocotbJob, images: np.ndarray, scenarios: Sequence[str]) -> list[Share]:
    """What the bench saw in each of `slipstick.sim.scenarios`, one after another."""
    with tempfile.TemporaryDirectory(prefix="slipstick-") as name:
        work = Path(name)
        chunks = list(golden_beats(job.graph, job.manifest, images))
        _write_job(job, chunks, work)
        log = _start(job, job.program(), work, scenarios)
        golden = np.concatenate([chunk.output for chunk in chunks])
        shares = [_read_share(job, work, scenario, golden, log) for scenario in scenarios]
        if job.waves:
            made = "waves.fst" if job.simulator == "icarus" else "dump.vcd"
            shutil.move(work / made, job.waves)
        return shares


def _write_job(job: CocotbJob, chunks: list[Beats], work: Path) -> None:
    arrays = {"input": np.concatenate([chunk.input for chunk in chunks])}
    streams = probed_streams(job.manifest)
    for number in range(len(streams)):
        arrays[f"p{number}"] = np.concatenate([chunk.probes[number] for chunk in chunks])
    np.savez(work / "beats.npz", allow_pickle=False, **arrays)
    document = {
        "idle": job.traffic.idle,
        "stall": job.traffic.stall,
        "seed": job.traffic.seed,
        "patience": job.traffic.patience(job.manifest),
        "drain": drain(job.manifest),
        # Even, so that the clock's two halves are equal.
        "period_ps": 2 * round(500_000 / job.manifest.board.clock_mhz),
        "probes": [
            {
                "beats": stream.beats_per_frame,
                "words": stream.words,
                "lanes": stream.layout.lanes,
                "width": stream.width,
            }
            for stream in streams
        ],
    }
    (work / "job.json").write_text(json.dumps(document), encoding="utf-8")


def _start(job: CocotbJob, program: Path, work: Path, scenarios: Sequence[str]) -> list[str]:
    """Runs the bench to its end; returns the last lines that it printed."""
    document = {
        "simulator": job.simulator,
        "module": "slipstick.sim.scenarios",
        "top": MODULE,
        "program": str(program),
        "work": str(work),
        "scenarios": list(scenarios),
        "seed": job.traffic.seed,
        "plusargs": [
            "+verilator+rand+reset+2",
            f"+verilator+seed+{job.traffic.seed % MOST_SEEDS + 1}",
        ],
        "waves": job.waves is not None,
    }
    command = [sys.executable, "-m", "slipstick.sim.cocotb_process", json.dumps(document)]
    log: list[str] = []
    with subprocess.Popen(
        command,
        cwd=work,
        env=_environment(work),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(PROGRESS):
                    job.frame_done()
                else:
                    log = [*log[-LOG_LINES:], line.rstrip()]
        except BaseException:
            # The simulator is a child of the child: the whole session must end.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return log


def _environment(work: Path) -> dict[str, str]:
    """Ours, without what would make cocotb's runner behave otherwise."""
    foreign = ("COCOTB_", "PYTEST_", "WAVES", "GUI", "VERILATOR_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return kept | {FOLDER_VARIABLE: str(work), "PYTHONWARNINGS": "ignore"}


def _read_share(
    job: CocotbJob, work: Path, scenario: str, golden: np.ndarray, log: list[str]
) -> Share:
    try:
        document = json.loads((work / f"{scenario}.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _failed(log) from error
    stream = job.manifest.output
    words = np.load(work / f"{scenario}.npy")
    outputs = unpack(words, stream.layout, stream.width, stream.signed, stream.shape)
    observed = Observed.from_json(document["observed"])
    return Share(0, document["frames"], observed, golden, outputs)


def _failed(log: list[str]) -> Exception:
    text = "\n".join(log)
    if "Unable to find libpython" in text:
        fix = next(tool.fix for tool in check_tools() if tool.name == "libpython")
        return SlipstickError("Library 'libpython'", "cocotb does not find it", fix)
    return RuntimeError(f"The cocotb bench failed:\n{text[-4000:]}")
