"""From a build folder to what its whole system does: C driver, buses, memory and core."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.built import read_build
from slipstick.sim.frames import load_frames
from slipstick.sim.run import Progress
from slipstick.sim.system.board import Board, compile_program
from slipstick.sim.system.device import Profile
from slipstick.sim.system.hosted import Host, HostedRun
from slipstick.sim.system.library import system_files, system_library
from slipstick.sim.system.program import compile_driver
from slipstick.sim.system.result import SystemResult, write_result
from slipstick.sim.system.summary import Ran, Runs, summarise

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
        measured = () if done.error else _measure(driver, manifest, chosen.images, seed)
    processor = "an emulated Cortex-A9" if arm else "this machine"
    runs = Runs(Ran(chosen.images, done), measured, seconds, processor)
    result = summarise(manifest, graph, chosen, runs)
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


def _measure(driver: Driver, manifest: Manifest, images: np.ndarray, seed: int) -> tuple[Ran, Ran]:
    """A batch with a fast memory, and one that is twice as long."""
    affordable = MEASURED_CYCLES // manifest.cycles_per_frame
    # A power of two, so that results end at the same place in a burst: it is the end that counts.
    half = LEAST_MEASURED
    while 2 * half <= min(affordable, MOST_MEASURED):
        half *= 2
    many = np.concatenate([images] * -(-2 * half // len(images)))
    parts = (many[:half], many[: 2 * half])
    some, all_ = (Ran(part, driver.run(part, len(part), seed, "fast")) for part in parts)
    return some, all_
