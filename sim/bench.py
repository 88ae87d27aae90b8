"""The cocotb bench: drives a circuit inside the simulator and watches every stream.

It reads what `slipstick.sim.cocotb_bench` prepared in a folder, and leaves there what it saw.

Everything is looked at and driven at the falling edge, once a cycle: the ports of
``bench.sv`` are registered, so that they say what the last rising edge saw.
"""

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from slipstick.sim.monitor import Monitor, as_numbers
from slipstick.sim.protocol import PROGRESS

RESET_CYCLES = 8

Beat = tuple[int, bool]
"""A number to drive and whether it is marked as the last of its frame."""


@dataclass(frozen=True)
class Plan:
    """What one run drives and expects.

    Attributes
    ----------
    beats : to drive, in order.
    expected : number of the golden frame that each frame out must equal; None: anything goes.
    idle : share of cycles in which nothing is offered.
    ready : whether the output takes a beat, asked once a cycle.
    patience : cycles without a beat until the circuit is said to stand still.
    """

    beats: Sequence[Beat]
    expected: Sequence[int | None]
    idle: float
    ready: Callable[[], bool]
    patience: int


@dataclass
class Bench:
    """The circuit under test and the job it was given."""

    dut: Any
    folder: Path
    job: dict[str, Any] = field(init=False)
    golden: list[list[list[int]]] = field(init=False)
    frames: list[list[int]] = field(init=False)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.job = json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        with np.load(self.folder / "beats.npz") as arrays:
            self.frames = as_numbers(arrays["input"])
            count = len(self.job["probes"])
            self.golden = [as_numbers(arrays[f"p{number}"]) for number in range(count)]
        self.dice = random.Random(self.job["seed"])

    def beats(self, frames: Sequence[int]) -> list[Beat]:
        """Whole frames, rightly marked."""
        return [beat for number in frames for beat in self.frame(number)]

    def frame(self, number: int) -> list[Beat]:
        """One frame, rightly marked."""
        words = self.frames[number]
        return [(word, index == len(words) - 1) for index, word in enumerate(words)]

    def plan(self, frames: Sequence[int], idle: float = 0.0, stall: float = 0.0) -> Plan:
        """Whole frames with random traffic."""
        ready = (lambda: self.dice.random() >= stall) if stall else (lambda: True)
        return Plan(self.beats(frames), frames, idle, ready, self.job["patience"])

    async def start(self) -> None:
        """Starts the clock and resets the circuit."""
        cocotb.start_soon(Clock(self.dut.clk, self.job["period_ps"], "ps").start())
        await self.reset()

    async def reset(self) -> None:
        """Resets the circuit, whatever it is doing."""
        self.dut.rst.value = 1
        self.dut.i_valid.value = 0
        self.dut.i_last.value = 0
        self.dut.o_ready.value = 0
        for _ in range(RESET_CYCLES):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0

    def begin(self, plan: Plan) -> "Run":
        """A run of ``plan`` that the caller steps."""
        return Run(self, plan)

    async def run(self, plan: Plan) -> "Run":
        """Drives ``plan`` until every frame is through or nothing moves any more."""
        run = self.begin(plan)
        while run.unfinished and run.silent <= plan.patience:
            await run.step()
        run.deadlocked = bool(run.unfinished)
        self.dut.i_valid.value = 0
        self.dut.o_ready.value = 1
        # Whatever still comes now is too much.
        for _ in range(0 if run.deadlocked else self.job["drain"]):
            await FallingEdge(self.dut.clk)
            run.observe()
        return run

    def write(self, name: str, run: "Run") -> None:
        """Leaves what ``run`` saw under ``name``."""
        np.save(self.folder / f"{name}.npy", run.monitors[-1].output())
        text = json.dumps({"frames": run.frames, "observed": run.to_json()})
        (self.folder / f"{name}.json").write_text(text, encoding="utf-8")


class Run:
    """One run: what is being driven, and a monitor for every stream."""

    def __init__(self, bench: Bench, plan: Plan) -> None:
        self._dut = bench.dut
        self._plan = plan
        self._dice = bench.dice
        self._next = 0
        self._offered = False
        self._driven: dict[str, int] = {}
        self._passed = bench.dut.passed
        self._taken = bench.dut.i_taken
        self.monitors = [
            Monitor(probe, getattr(bench.dut, f"p{number}"), golden, plan.expected)
            for number, (probe, golden) in enumerate(
                zip(bench.job["probes"], bench.golden, strict=True)
            )
        ]
        self.unfinished = len(self.monitors)
        self.cycle = self.silent = self.wrong_lasts = self.first_input = 0
        self.deadlocked = False

    @property
    def frames(self) -> int:
        """Frames that are expected."""
        return len(self._plan.expected)

    @property
    def taken(self) -> int:
        """Beats that the input has taken."""
        return self._next

    async def step(self) -> None:
        """Drives one cycle and looks at it."""
        self.drive()
        await FallingEdge(self._dut.clk)
        self.observe()

    def drive(self) -> None:
        """Offers the next beat, or goes on offering it, and takes from the output or not."""
        plan = self._plan
        if not self._offered and self._next < len(plan.beats):
            self._offered = not (plan.idle and self._dice.random() < plan.idle)
        if self._offered:
            data, last = plan.beats[self._next]
            self._write("i_data", data)
            self._write("i_last", last)
        self._write("i_valid", self._offered)
        self._write("o_ready", plan.ready())

    def _write(self, port: str, value: int) -> None:
        # Writes are slow, so only what changes is written.
        if self._driven.get(port) != value:
            self._driven[port] = value
            getattr(self._dut, port).value = int(value)

    def observe(self) -> None:
        """Looks at what the last rising edge saw."""
        self.cycle += 1
        moved = self._offered and int(self._taken.value)
        if moved:
            self.first_input = self.first_input or self.cycle
            self._offered = False
            self._next += 1
        passed = int(self._passed.value)
        self.silent = 0 if moved or passed else self.silent + 1
        while passed:
            lowest = passed & -passed
            self._pass(lowest.bit_length() - 1)
            passed ^= lowest

    def _pass(self, number: int) -> None:
        monitor = self.monitors[number]
        if number == len(self.monitors) - 1 and not monitor.done:
            self.wrong_lasts += int(self._dut.o_last.value) != monitor.at_last_beat
        if not monitor.observe(self.cycle):
            return
        self.unfinished -= monitor.done
        if number == len(self.monitors) - 1:
            sys.stdout.write(f"{PROGRESS}\n")
            sys.stdout.flush()

    def to_json(self) -> dict[str, Any]:
        """As the C++ harness prints it."""
        broken = int(self._dut.broken.value)
        return {
            "cycles": self.cycle,
            "first_input": self.first_input,
            "deadlocked": self.deadlocked,
            "wrong_lasts": self.wrong_lasts,
            "error_short": bool(int(self._dut.error_short.value)),
            "error_long": bool(int(self._dut.error_long.value)),
            "probes": [
                monitor.to_json(bool(broken >> number & 1))
                for number, monitor in enumerate(self.monitors)
            ],
        }
