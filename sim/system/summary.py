"""One result from the runs of a driver on the simulated system."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from slipstick.build_folder import Manifest
from slipstick.driver import RunCounters
from slipstick.graph import Graph, run
from slipstick.sim.frames import Frames
from slipstick.sim.golden import frames_at_once
from slipstick.sim.result import Mismatch
from slipstick.sim.summary import accuracy_of
from slipstick.sim.system.hosted import HostedRun
from slipstick.sim.system.result import SystemResult

WORD_BYTES = 8


@dataclass(frozen=True, eq=False)
class Ran:
    """Integers ``(N, C, H, W)`` and what a driver made of them."""

    images: np.ndarray
    found: HostedRun


@dataclass(frozen=True, eq=False)
class Runs:
    """All that was run.

    Attributes
    ----------
    random : every frame, with random delays.
    measured : with a fast memory, a batch and one twice as long; empty if nothing was measured.
    seconds : wall clock of ``random``.
    processor : that ran the driver.
    """

    random: Ran
    measured: tuple[Ran, ...]
    seconds: float
    processor: str

    @property
    def all(self) -> list[Ran]:
        """Every run."""
        return [self.random, *self.measured]


@dataclass(frozen=True)
class Measured:
    """What a fast memory shows: counters of one batch, and cycles a frame once it was full."""

    frames: int
    counters: RunCounters
    cycles_per_frame: float


def golden_outputs(graph: Graph, images: np.ndarray) -> np.ndarray:
    """What must leave the network for ``images``, integers ``(N, C, H, W)``."""
    step = frames_at_once(graph)
    return np.concatenate(
        [
            run(graph, torch.from_numpy(images[start : start + step]))[graph.output].numpy()
            for start in range(0, len(images), step)
        ]
    )


def summarise(manifest: Manifest, graph: Graph, frames: Frames, runs: Runs) -> SystemResult:
    """The result of ``runs``, in all of which every result is compared with the golden model."""
    golden = [golden_outputs(graph, ran.images) for ran in runs.all]
    done = runs.random.found
    wrong = [
        _wrong(ran.found.outputs, values) for ran, values in zip(runs.all, golden, strict=True)
    ]
    measured = _measured(runs.measured)
    fast = measured.counters if measured else None
    interval = measured.cycles_per_frame if measured else None
    return SystemResult(
        frames=len(frames),
        mismatches=sum(len(places) for places in wrong),
        first_mismatch=_first_mismatch(runs.all, golden, wrong),
        error=next((ran.found.error for ran in runs.all if ran.found.error), None),
        violations=tuple(line for ran in runs.all for line in ran.found.violations),
        cycles_per_frame=interval,
        ideal_cycles_per_frame=manifest.cycles_per_frame,
        random_cycles_per_frame=done.counters.cycles / len(frames) if done.counters else None,
        frames_per_second=manifest.board.clock_mhz * 1e6 / interval if interval else None,
        bytes_per_read_burst=WORD_BYTES * fast.read_beats / fast.read_bursts if fast else None,
        bytes_per_write_burst=WORD_BYTES * fast.write_beats / fast.write_bursts if fast else None,
        read_utilisation=fast.read_beats / fast.cycles if fast else None,
        write_utilisation=fast.write_beats / fast.cycles if fast else None,
        read_stalls_per_frame=fast.read_stalls / measured.frames if fast and measured else None,
        write_stalls_per_frame=fast.write_stalls / measured.frames if fast and measured else None,
        accuracy=None if done.error else accuracy_of(graph, frames, [done.outputs]),
        integer_accuracy=accuracy_of(graph, frames, golden[:1]),
        simulated_frames_per_wall_second=len(done.outputs) / runs.seconds,
        seconds=runs.seconds,
        processor=runs.processor,
    )


def _measured(runs: Sequence[Ran]) -> Measured | None:
    """None if nothing was measured, or the driver says that something went wrong."""
    counters = [ran.found.counters for ran in runs]
    if len(counters) != 2 or counters[0] is None or counters[1] is None:
        return None
    some, more = (len(ran.images) for ran in runs)
    # The second half of a batch: early frames come faster or slower, while FIFOs fill.
    cycles = counters[1].cycles - counters[0].cycles
    return Measured(more, counters[1], cycles / (more - some))


def _wrong(outputs: np.ndarray, golden: np.ndarray) -> np.ndarray:
    """Places ``(frame, channel, row, column)`` of values that differ; later frames are missing."""
    return np.argwhere(outputs != golden[: len(outputs)])


def _first_mismatch(
    runs: Sequence[Ran], golden: Sequence[np.ndarray], wrong: Sequence[np.ndarray]
) -> Mismatch | None:
    for ran, values, places in zip(runs, golden, wrong, strict=True):
        if len(places):
            frame, channel, row, column = place = tuple(places[0].tolist())
            expected, got = int(values[place]), int(ran.found.outputs[place])
            return Mismatch(frame, channel, row, column, expected, got)
    return None
