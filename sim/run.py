"""`simulate`: from a build folder to what its simulation found."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from slipstick.build_folder import Manifest
from slipstick.built import read_build
from slipstick.errors import SlipstickError
from slipstick.graph import Graph
from slipstick.sim.cocotb_bench import CocotbJob, run_cocotb
from slipstick.sim.compile import fast_program
from slipstick.sim.fast import Job, run_fast
from slipstick.sim.frames import Frames, load_frames
from slipstick.sim.observed import require_progress
from slipstick.sim.result import SimulationResult, write_result
from slipstick.sim.summary import Runs, summarise
from slipstick.sim.traffic import Traffic

Simulator = Literal["verilator", "icarus"]
Progress = Callable[[int, int, str], None]
"""Told as frames go by: frames done, frames in all, what is at hand."""

COCOTB_FRAMES = 8
WAVES_FRAMES = 2
COCOTB_IDLE = COCOTB_STALL = 0.25


def simulate(
    folder: Path | str,
    *,
    images: Path | str | None = None,
    frames: int | None = None,
    fast: bool = False,
    simulator: Simulator = "verilator",
    waves: Path | str | None = None,
    seed: int = 0,
    idle: float | None = None,
    stall: float | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Simulates the Verilog in ``folder`` and compares every layer with the golden model.

    Writes ``simulation.json`` into ``folder``. Cycles are measured with frames back to back; the
    cocotb bench does that on a few frames before the random traffic, the fast harness only
    without random traffic.

    Parameters
    ----------
    images : ``.npz`` with ``images`` as the network takes them, and perhaps ``labels``; by
        default the frames that the build folder holds.
    frames : only the first so many; by default all with ``fast``, a few otherwise.
    fast : use the C++ harness instead of cocotb.
    simulator : for cocotb.
    waves : file to write a waveform to: VCD, or FST from Icarus.
    seed : of the random traffic and of what registers hold before reset.
    idle, stall : share of cycles in which the input offers, the output takes nothing; by default
        none with ``fast``, a quarter each otherwise.
    progress : is told how far it is.

    Raises `SlipstickError` if something is missing or does not fit, or if the circuit stands
    still. A mismatch is a result, not an error.
    """
    folder = Path(folder)
    waves = None if waves is None else Path(waves)
    _check(fast, simulator, frames, waves)
    manifest, graph = read_build(folder)
    if frames is None:
        frames = WAVES_FRAMES if waves else None if fast else COCOTB_FRAMES
    chosen = load_frames(folder, graph, None if images is None else Path(images), frames)
    traffic = Traffic(
        idle=(0.0 if fast else COCOTB_IDLE) if idle is None else idle,
        stall=(0.0 if fast else COCOTB_STALL) if stall is None else stall,
        seed=seed,
    )
    report = progress or (lambda done, total, part: None)
    if fast:
        runs = _fast(folder, manifest, graph, chosen, traffic, waves, report)
    else:
        job = CocotbJob(folder, manifest, graph, traffic, simulator, waves)
        runs = run_cocotb(job, chosen, report)
    for share in runs.all:
        require_progress(share.observed, manifest, share.frames)
    result = summarise(manifest, graph, chosen, runs)
    write_result(folder, result.to_json())
    return result


def _check(fast: bool, simulator: str, frames: int | None, waves: Path | None) -> None:
    if simulator not in get_args(Simulator):
        raise SlipstickError(
            f"Simulator '{simulator}'", "is not known", "choose verilator or icarus"
        )
    if fast and simulator != "verilator":
        raise SlipstickError("Option --fast", "works with Verilator only", "leave out one of them")
    if frames is not None and frames < 1:
        raise SlipstickError("Option --frames", f"must be positive, not {frames}", "give 1 or more")
    if waves is None:
        return
    _check_waves(waves, ".fst" if simulator == "icarus" else ".vcd", simulator)


def _check_waves(waves: Path, suffix: str, simulator: str) -> None:
    """Refuses a file that could not be written when the simulation is over."""
    if waves.suffix != suffix:
        raise SlipstickError(
            f"File '{waves}'", f"{simulator} writes {suffix} waveforms", f"name it *{suffix}"
        )
    if not waves.absolute().parent.is_dir():
        raise SlipstickError(f"File '{waves}'", "its folder does not exist", "make the folder")
    was_there = waves.exists()
    try:
        waves.open("ab").close()
    except OSError as error:
        raise SlipstickError(
            f"File '{waves}'", f"cannot be written ({error.strerror})", "name another"
        ) from error
    if not was_there:
        waves.unlink()


def _fast(
    folder: Path,
    manifest: Manifest,
    graph: Graph,
    frames: Frames,
    traffic: Traffic,
    waves: Path | None,
    report: Progress,
) -> Runs:
    report(0, len(frames), "compiling")
    program = fast_program(folder, manifest, waves is not None)
    count, lock = 0, threading.Lock()

    def grow(by: int) -> None:
        nonlocal count
        with lock:
            count += by
            report(count, len(frames), "frames")

    start = time.monotonic()
    job = Job(program.absolute(), graph, manifest, traffic, waves, grow)
    shares = run_fast(job, frames.images)
    seconds = time.monotonic() - start
    report(len(frames), len(frames), "frames")
    dense = shares[0] if traffic.dense else None
    return Runs(shares, dense, seconds, "verilator, C++ harness")
