"""Drives the streams of a component in Amaranth's simulator, with pauses on every side.

Beats are plain integers here, as they lie on the wires; `to_words` and `from_words` convert
them to and from arrays of lanes.
"""

import gc
import random
import re
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, UnusedElaboratable, Value
from amaranth.lib import stream, wiring
from amaranth.sim import Simulator

Beats = Sequence[int]


def to_words(lanes: np.ndarray, width: int) -> list[int]:
    """Integers ``(beats, lanes)`` as beats, lane 0 lowest."""
    mask = (1 << width) - 1
    return [
        int("".join(f"{int(value) & mask:0{width}b}" for value in reversed(beat)), 2)
        for beat in lanes
    ]


def from_words(words: Iterable[int], lanes: int, width: int, signed: bool) -> np.ndarray:
    """The inverse of `to_words`: int64 ``(beats, lanes)``."""
    mask = (1 << width) - 1
    fields = [[word >> (lane * width) & mask for lane in range(lanes)] for word in words]
    values = np.array(fields, np.int64).reshape(-1, lanes)
    return values - ((values >> (width - 1)) << width) if signed else values


@contextmanager
def refuses(message: str, error: type[Exception] = ValueError) -> Iterator[None]:
    """Expects an error of exactly this text from the construction of a component.

    Amaranth warns of components that are never used, also of those that were refused.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        with pytest.raises(error, match=f"^{re.escape(message)}$") as raised:
            yield
        # The refused component is kept by the traceback, and by itself.
        traceback.clear_frames(raised.tb)
        gc.collect()


@dataclass
class Run:
    """What a run showed.

    Attributes
    ----------
    outputs : the beats that left each output stream.
    cycles : for each stream, input or output, the cycle in which each beat passed.
    ports : the other outputs of the component, after the last cycle.
    """

    outputs: dict[str, list[int]]
    cycles: dict[str, list[int]]
    ports: dict[str, int]

    @property
    def output(self) -> list[int]:
        """The beats of the only output."""
        (beats,) = self.outputs.values()
        return beats

    def span(self, name: str, skip: int = 0) -> int:
        """Cycles from beat ``skip`` to the last of a stream, both counted."""
        return self.cycles[name][-1] - self.cycles[name][skip] + 1


def run_stream(
    component: wiring.Component,
    inputs: Mapping[str, Beats] | Beats,
    expected: Mapping[str, int] | int,
    *,
    idle: float = 0.0,
    stall: float = 0.0,
    seed: int = 0,
    timeout: int | None = None,
    drain: int = 64,
    reset_at: int | None = None,
    hold: int = 0,
    ports: Mapping[str, int] | None = None,
) -> Run:
    """Sends ``inputs``, takes ``expected`` beats from each output, and checks the protocol.

    Checked on every output, in every cycle: `valid` does not depend on `ready`; once valid, the
    beat stays as it is until it is taken; nothing is valid before the first clock edge. At the
    end all inputs must have been taken and, for ``drain`` more cycles, no output may be valid.

    Parameters
    ----------
    component : one instance; a second simulation needs a second instance.
    inputs, expected : by name of stream, or for the only input and output.
    idle, stall : probability that an input pauses, an output is not ready, in a cycle.
    seed : of the pauses.
    timeout : cycles in which the beats must have passed.
    drain : cycles watched after the last beat.
    reset_at : a cycle in which everything is reset and started anew: nothing seen before
        counts, all inputs are sent from the start.
    hold : cycles at the start in which no output is ready.
    ports : values of other inputs.
    """
    bench = _Bench(component, inputs, expected, random.Random(seed))
    if timeout is None:
        beats = max([1, *map(len, bench.beats.values()), *bench.expected.values()])
        timeout = hold + 1000 + int(100 * beats / (1 - idle) / (1 - stall))

    async def testbench(ctx: Any) -> None:
        for name, value in (ports or {}).items():
            ctx.set(getattr(component, name), value)
        bench.check_quiet(ctx)
        if reset_at is not None:
            for _ in range(reset_at):
                await bench.cycle(ctx, idle, stall)
            await bench.reset(ctx)
        for cycle in range(timeout):
            if bench.done:
                break
            await bench.cycle(ctx, idle, 1.0 if cycle < hold else stall)
        assert bench.done, f"stuck after {timeout} cycles: {bench.progress()}"
        for _ in range(drain):
            await bench.cycle(ctx, 0.0, 0.0)
        bench.read_ports(ctx)

    _simulate(bench.module, testbench)
    return bench.run


def _simulate(module: Module, testbench: Any) -> None:
    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@dataclass
class _Bench:
    """The state of one run."""

    component: wiring.Component
    inputs: Any
    wanted: Any
    random: random.Random
    now: int = 0
    held: dict[str, int] = field(default_factory=dict)
    offered: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signature = self.component.signature
        streams = {
            name: member
            for name, member in signature.members.items()
            if member.is_signature and isinstance(member.signature, stream.Signature)
        }
        names_in = [name for name, member in streams.items() if member.flow == wiring.In]
        names_out = [name for name, member in streams.items() if member.flow == wiring.Out]
        self.beats: dict[str, Beats] = _by_name(names_in, self.inputs)
        self.expected: dict[str, int] = _by_name(names_out, self.wanted)
        self._port_names = [
            name
            for name, member in signature.members.items()
            if member.is_port and member.flow == wiring.Out
        ]
        self._start()
        self.module = Module()
        self.module.domains.sync = self._domain = ClockDomain("sync")
        self.module.submodules.dut = self.component

    def _start(self) -> None:
        self.run = Run({name: [] for name in self.expected}, {}, {})
        self.run.cycles = {name: [] for name in (*self.beats, *self.expected)}
        self.held.clear()
        self.offered.clear()
        self.now = 0

    @property
    def done(self) -> bool:
        """All inputs taken and all expected outputs seen."""
        return all(
            len(self.run.cycles[name]) >= wanted
            for name, wanted in (
                *((name, len(beats)) for name, beats in self.beats.items()),
                *self.expected.items(),
            )
        )

    def progress(self) -> str:
        """How many beats passed each stream."""
        wanted = {name: len(beats) for name, beats in self.beats.items()} | self.expected
        return ", ".join(
            f"{name} {len(self.run.cycles[name])} of {count}" for name, count in wanted.items()
        )

    def check_quiet(self, ctx: Any) -> None:
        """Nothing may be valid when nothing was sent."""
        for name in self.expected:
            assert not ctx.get(getattr(self.component, name).valid), f"{name} valid at the start"

    def read_ports(self, ctx: Any) -> None:
        self.run.ports = {
            name: int(ctx.get(Value.cast(getattr(self.component, name))))
            for name in self._port_names
        }

    async def reset(self, ctx: Any) -> None:
        """One cycle of reset."""
        for name in self.beats:
            ctx.set(getattr(self.component, name).valid, 0)
        ctx.set(self._domain.rst, 1)
        await ctx.tick()
        ctx.set(self._domain.rst, 0)
        self._start()
        self.check_quiet(ctx)

    async def cycle(self, ctx: Any, idle: float, stall: float) -> None:
        """One clock cycle: offer, look, let beats pass."""
        for name, beats in self.beats.items():
            self._offer(ctx, name, beats, idle)
        before = {name: self._look(ctx, name) for name in self.expected}
        ready = {name: self.random.random() >= stall for name in self.expected}
        for name, is_ready in ready.items():
            ctx.set(getattr(self.component, name).ready, is_ready)
        for name, seen in before.items():
            assert self._look(ctx, name) == seen, f"{name} depends on its ready"
            self._take(name, seen, ready[name])
        for name in self.beats:
            if self.offered[name] and ctx.get(getattr(self.component, name).ready):
                self.run.cycles[name].append(self.now)
                self.offered[name] = False
        await ctx.tick()
        for name in self.expected:
            ctx.set(getattr(self.component, name).ready, 0)
        self.now += 1

    def _offer(self, ctx: Any, name: str, beats: Beats, idle: float) -> None:
        port = getattr(self.component, name)
        sent = len(self.run.cycles[name])
        if not self.offered.get(name):
            self.offered[name] = sent < len(beats) and self.random.random() >= idle
            # What stands on an idle stream must not matter.
            payload = Value.cast(port.payload)
            filler = self.random.getrandbits(len(payload))
            ctx.set(payload, beats[sent] if self.offered[name] else filler)
            ctx.set(port.valid, self.offered[name])

    def _look(self, ctx: Any, name: str) -> int | None:
        """The beat that stands valid at an output, if there is one."""
        port = getattr(self.component, name)
        return int(ctx.get(Value.cast(port.payload))) if ctx.get(port.valid) else None

    def _take(self, name: str, seen: int | None, ready: bool) -> None:
        if name in self.held:
            assert seen == self.held[name], f"{name} changed before it was taken"
        if seen is None:
            return
        if not ready:
            self.held[name] = seen
            return
        self.held.pop(name, None)
        count = len(self.run.outputs[name])
        assert count < self.expected[name], f"{name} gave a beat more than {count}: {seen:#x}"
        self.run.outputs[name].append(seen)
        self.run.cycles[name].append(self.now)


def _by_name(names: list[str], given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        assert len(names) == 1, f"name the streams: {', '.join(names)}"
        return {names[0]: given}
    assert set(given) == set(names), f"streams are {sorted(names)}, given {sorted(given)}"
    return dict(given)
