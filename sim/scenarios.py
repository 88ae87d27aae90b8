"""What the cocotb bench does with a circuit: one cocotb test a scenario.

A test here never fails because values differ: that is a finding, written into the folder that
`FOLDER_VARIABLE` names.
"""

import os
from pathlib import Path
from typing import Any

import cocotb

from slipstick.sim.bench import Beat, Bench, Plan
from slipstick.sim.protocol import (
    BACK_TO_BACK,
    FOLDER_VARIABLE,
    MEASURED_FRAMES,
    RANDOM_TRAFFIC,
)

LONG_STALL = 10_000


async def _bench(dut: Any) -> Bench:
    bench = Bench(dut, Path(os.environ[FOLDER_VARIABLE]))
    await bench.start()
    return bench


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """A few frames without a gap, the output always ready: cycles are measured here."""
    bench = await _bench(dut)
    frames = range(min(MEASURED_FRAMES, len(bench.frames)))
    bench.write(BACK_TO_BACK, await bench.run(bench.plan(frames)))


@cocotb.test()
async def random_traffic(dut: Any) -> None:
    """Every frame, with random idle at the input and back-pressure at the output."""
    bench = await _bench(dut)
    plan = bench.plan(range(len(bench.frames)), bench.job["idle"], bench.job["stall"])
    bench.write(RANDOM_TRAFFIC, await bench.run(plan))


@cocotb.test()
async def long_stall(dut: Any) -> None:
    """The output takes one beat, then none for 10,000 cycles, then all."""
    bench = await _bench(dut)
    frames = range(len(bench.frames))
    blocked = 0

    def ready() -> bool:
        nonlocal blocked
        left = int(dut.passed.value) >> (len(bench.golden) - 1) & 1
        blocked += bool(left or blocked)
        return not 0 < blocked <= LONG_STALL

    patience = bench.job["patience"] + LONG_STALL
    plan = Plan(bench.beats(frames), frames, 0.0, ready, patience)
    bench.write("long_stall", await bench.run(plan))


@cocotb.test()
async def reset_in_frame(dut: Any) -> None:
    """Reset in the middle of frames, several times; all frames after it must be right."""
    bench = await _bench(dut)
    frames = range(len(bench.frames))
    for frames_taken in (0.1, 0.5, 1.7):
        run = bench.begin(bench.plan([0] * 3))
        enough = frames_taken * len(bench.frames[0])
        while run.taken < enough and run.silent <= bench.job["patience"]:
            await run.step()
        await bench.reset()
    bench.write("reset_in_frame", await bench.run(bench.plan(frames)))


@cocotb.test()
async def short_frame(dut: Any) -> None:
    """Frames whose last beat comes too early; those after them must be right."""
    bench = await _bench(dut)
    beats: list[Beat] = []
    expected: list[int | None] = []
    size = len(bench.frames[0])
    for number, length in enumerate(sorted({1, size // 2, size - 1} - {0, size})):
        cut = bench.frame(0)[:length]
        beats += [*cut[:-1], (cut[-1][0], True), *bench.beats([number % len(bench.frames)])]
        expected += [None, number % len(bench.frames)]
    plan = Plan(beats, expected, 0.0, lambda: True, bench.job["patience"])
    bench.write("short_frame", await bench.run(plan))


@cocotb.test()
async def long_frame(dut: Any) -> None:
    """Frames whose last beat comes too late; those after them must be right."""
    bench = await _bench(dut)
    beats: list[Beat] = []
    expected: list[int | None] = []
    size = len(bench.frames[0])
    for number, surplus in enumerate((1, size, 2 * size + 1)):
        extra = [(data, False) for data, _ in bench.frame(0)] * 4
        beats += [*extra[: size + surplus - 1], bench.frame(0)[-1]]
        beats += bench.beats([number % len(bench.frames)])
        expected += [None, number % len(bench.frames)]
    plan = Plan(beats, expected, 0.0, lambda: True, bench.job["patience"])
    bench.write("long_frame", await bench.run(plan))
