"""From a build folder to what its whole system does: C driver, buses, memory and core."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from slipstick.build_folder import Manifest
from slipstick.built import read_build
from slipstick.graph import Graph, run
from slipstick.sim.frames import Frames, load_frames
from slipstick.sim.golden import frames_at_once
from slipstick.sim.result import Mismatch
from slipstick.sim.run import Progress
from slipstick.sim.summary import accuracy_of
from slipstick.sim.system.board import Board, compile_program
from slipstick.sim.system.device import Profile
from slipstick.sim.system.hosted import Counters, Host, HostedRun
from slipstick.sim.system.library import system_files, system_library
from slipstick.sim.system.program import compile_driver
from slipstick.sim.system.result import SystemResult, write_result

WORD_BYTES = 8
FRAMES, ARM_FRAMES = 20, 4
"""Of a build folder's own that are run when nobody says how many."""
BATCH_CYCLES = 400_000
"""Of a batch: its end is when progress is seen."""
MOST_BATCH = 64
MEASURED_CYCLES = 100_000
LEAST_MEASURED, MOST_MEASURED = 2, 64


def simulate_system(
    folder: Path | str,
    *,
    images: Path | str | None = None,
    frames: int | None = None,
    seed: int = 0,
    arm: bool = False,
    progress: Progress | None = None,
) -> SystemResult:
    """Runs the C driver on the simulated system in ``folder`` and compares every result.

    All frames are run with random delays on every bus; then some with a fast memory, to measure
    cycles. Writes ``system.json`` into ``folder``.

    Parameters
    ----------
    images : ``.npz`` with ``images`` as the network takes them, and perhaps ``labels``; by
        default the frames that the build folder holds.
    frames : only the first so many; by default all ``images``, or a few of the folder's own.
    seed : of the delays and of what registers hold before reset.
    arm : run the bare-metal program on an emulated Cortex-A9 in place of the driver compiled for
        this machine.
    progress : is told how far it is.

    Raises `SlipstickError` if something is missing or does not fit. A wrong result is a result,
    not an error.
    """
    folder = Path(folder)
    manifest, graph = read_build(folder)
    if frames is None and (arm or images is None):
        frames = ARM_FRAMES if arm else FRAMES
    chosen = load_frames(folder, graph, None if images is None else Path(images), frames)
    report = progress or (lambda done, total, part: None)
    report(0, len(chosen), "compiling")
    with tempfile.TemporaryDirectory(prefix="slipstick-") as name:
        work = Path(name)
        library = system_library(folder, system_files(folder, manifest))
        driver: Driver
        if arm:
            driver = Board(compile_program(folder, work), library, manifest)
        else:
            driver = Host(compile_driver(folder, library, work), manifest, work)
        start = time.monotonic()
        batch = min(max(BATCH_CYCLES // manifest.cycles_per_frame, 1), MOST_BATCH, len(chosen))
        done = driver.run(
            chosen.images,
            batch,
            seed,
            "random",
            lambda count: report(count, len(chosen), "frames"),
        )
        seconds = time.monotonic() - start
        report(len(chosen), len(chosen), "measuring")
        measured = None if done.error else _measure(driver, manifest, chosen.images, seed)
    processor = "an emulated Cortex-A9" if arm else "this machine"
    result = _summarise(manifest, graph, chosen, done, measured, seconds, processor)
    write_result(folder, result.to_json())
    return result


class Driver(Protocol):
    """A driver that runs frames on the simulated system."""

    def run(
        self,
        images: np.ndarray,
        batch: int,
        seed: int,
        profile: Profile,
        progress: Callable[[int], None] = ...,
    ) -> HostedRun:
        """Runs ``images``, integers ``(N, C, H, W)``, about ``batch`` at a time."""


@dataclass(frozen=True)
class Measured:
    """What a fast memory shows: counters of one batch, and cycles a frame once it was full."""

    frames: int
    counters: Counters
    cycles_per_frame: float


def _measure(driver: Driver, manifest: Manifest, images: np.ndarray, seed: int) -> Measured | None:
    """None where the driver says that something went wrong."""
    affordable = MEASURED_CYCLES // manifest.cycles_per_frame
    # A power of two, so that results end at the same place in a burst: it is the end that counts.
    half = LEAST_MEASURED
    while 2 * half <= min(affordable, MOST_MEASURED):
        half *= 2
    many = np.concatenate([images] * -(-2 * half // len(images)))[: 2 * half]
    some, all_ = (driver.run(part, len(part), seed, "fast") for part in (many[:half], many))
    if some.counters is None or all_.counters is None:
        return None
    # The second half of a batch: early frames come faster or slower, while FIFOs fill.
    return Measured(2 * half, all_.counters, (all_.counters.cycles - some.counters.cycles) / half)


def golden_outputs(graph: Graph, images: np.ndarray) -> np.ndarray:
    """What must leave the network for ``images``, integers ``(N, C, H, W)``."""
    step = frames_at_once(graph)
    return np.concatenate(
        [
            run(graph, torch.from_numpy(images[start : start + step]))[graph.output].numpy()
            for start in range(0, len(images), step)
        ]
    )


def _summarise(
    manifest: Manifest,
    graph: Graph,
    frames: Frames,
    done: HostedRun,
    measured: Measured | None,
    seconds: float,
    processor: str,
) -> SystemResult:
    golden = golden_outputs(graph, frames.images)
    expected = golden[: len(done.outputs)]
    counters = done.counters
    fast = measured.counters if measured else None
    interval = measured.cycles_per_frame if measured else None
    return SystemResult(
        frames=len(frames),
        mismatches=int((done.outputs != expected).sum()),
        first_mismatch=_first_mismatch(done.outputs, expected),
        error=done.error,
        violations=done.violations,
        cycles_per_frame=interval,
        ideal_cycles_per_frame=manifest.cycles_per_frame,
        random_cycles_per_frame=counters.cycles / len(frames) if counters else None,
        frames_per_second=manifest.board.clock_mhz * 1e6 / interval if interval else None,
        bytes_per_read_burst=WORD_BYTES * fast.read_beats / fast.read_bursts if fast else None,
        bytes_per_write_burst=WORD_BYTES * fast.write_beats / fast.write_bursts if fast else None,
        read_utilisation=fast.read_beats / fast.cycles if fast else None,
        write_utilisation=fast.write_beats / fast.cycles if fast else None,
        read_stalls_per_frame=fast.read_stalls / measured.frames if fast and measured else None,
        write_stalls_per_frame=fast.write_stalls / measured.frames if fast and measured else None,
        accuracy=None if done.error else accuracy_of(graph, frames, [done.outputs]),
        integer_accuracy=accuracy_of(graph, frames, [golden]),
        simulated_frames_per_wall_second=len(done.outputs) / seconds,
        seconds=seconds,
        processor=processor,
    )


def _first_mismatch(outputs: np.ndarray, expected: np.ndarray) -> Mismatch | None:
    wrong = np.argwhere(outputs != expected)
    if not len(wrong):
        return None
    frame, channel, row, column = map(int, wrong[0])
    place = (frame, channel, row, column)
    return Mismatch(*place, int(expected[place]), int(outputs[place]))
