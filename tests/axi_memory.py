"""Memory on the buses of a master, and streams beside it, cycle by cycle in Amaranth's simulator.

An agent drives what it owns at the start of a cycle (`drive`), then looks at what passes in it
(`see`), checks the rules of the bus, and keeps a record.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from amaranth.hdl import ClockDomain, Module, Value
from amaranth.sim import Simulator

BYTES = 8
ATTRIBUTES = {"id": 0, "size": 3, "burst": 1, "cache": 3, "prot": 0}


class Agent(Protocol):
    """Takes part in a simulation."""

    def drive(self, ctx: Any, now: int) -> None: ...

    def see(self, ctx: Any, now: int) -> None: ...


class Simulation:
    """A component between agents.

    Parameters
    ----------
    component : the only one in the simulation; names of agents' ports are its members'.
    agents : in the order in which they act.
    """

    def __init__(self, component: Any, *agents: Agent) -> None:
        self.component, self.agents = component, agents
        self.now = 0
        self._module = Module()
        self._module.domains.sync = self._domain = ClockDomain("sync")
        self._module.submodules.dut = component

    def run(self, body: Callable[[Any, "Simulation"], Any]) -> None:
        """Runs the asynchronous function ``body(ctx, simulation)`` to its end."""

        async def testbench(ctx: Any) -> None:
            await body(ctx, self)

        simulator = Simulator(self._module)
        simulator.add_clock(1e-6)
        simulator.add_testbench(testbench)
        simulator.run()

    async def cycle(self, ctx: Any) -> None:
        """One clock cycle."""
        for agent in self.agents:
            agent.drive(ctx, self.now)
        for agent in self.agents:
            agent.see(ctx, self.now)
        await ctx.tick()
        self.now += 1

    async def cycles(self, ctx: Any, count: int) -> None:
        """``count`` clock cycles."""
        for _ in range(count):
            await self.cycle(ctx)

    async def until(self, ctx: Any, done: Callable[[], bool], timeout: int) -> None:
        """Cycles until ``done()``, at most ``timeout`` of them."""
        for _ in range(timeout):
            if done():
                return
            await self.cycle(ctx)
        assert done(), f"stuck after {timeout} cycles"

    async def reset(self, ctx: Any, *agents: Agent) -> None:
        """One cycle of reset with nothing valid; then ``agents`` take part, from cycle 0 on."""
        for agent in agents:
            for port in getattr(agent, "valids", ()):
                ctx.set(port, 0)
        ctx.set(self._domain.rst, 1)
        await ctx.tick()
        ctx.set(self._domain.rst, 0)
        self.agents, self.now = agents, 0


@dataclass
class Source:
    """Sends ``beats`` into a stream; with probability ``idle`` it pauses for a cycle."""

    port: Any
    beats: Sequence[int]
    idle: float = 0.0
    seed: int = 0
    cycles: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._payload = Value.cast(self.port.payload)
        self._offered = False
        self.valids = [self.port.valid]

    @property
    def done(self) -> bool:
        return len(self.cycles) == len(self.beats)

    def drive(self, ctx: Any, now: int) -> None:
        if not self._offered:
            self._offered = not self.done and self._random.random() >= self.idle
            filler = self._random.getrandbits(len(self._payload))
            ctx.set(self._payload, self.beats[len(self.cycles)] if self._offered else filler)
            ctx.set(self.port.valid, self._offered)

    def see(self, ctx: Any, now: int) -> None:
        if self._offered and ctx.get(self.port.ready):
            self.cycles.append(now)
            self._offered = False


@dataclass
class Sink:
    """Takes the beats of a stream; with probability ``stall`` it is not ready in a cycle."""

    port: Any
    stall: float = 0.0
    seed: int = 0
    beats: list[int] = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._payload = Value.cast(self.port.payload)
        self._held: int | None = None
        self._ready = False

    def drive(self, ctx: Any, now: int) -> None:
        self._ready = self._random.random() >= self.stall
        ctx.set(self.port.ready, self._ready)

    def see(self, ctx: Any, now: int) -> None:
        seen = ctx.get(self._payload) if ctx.get(self.port.valid) else None
        assert self._held in (None, seen), "a beat changed before it was taken"
        self._held = None if self._ready else seen
        if self._ready and seen is not None:
            self.beats.append(seen)
            self.cycles.append(now)


@dataclass
class Pulses:
    """The cycles in which each output of ``names`` is 1."""

    component: Any
    names: Sequence[str]

    def __post_init__(self) -> None:
        self.cycles: dict[str, list[int]] = {name: [] for name in self.names}

    def drive(self, ctx: Any, now: int) -> None:
        """Nothing."""

    def see(self, ctx: Any, now: int) -> None:
        for name, cycles in self.cycles.items():
            if ctx.get(getattr(self.component, name)):
                cycles.append(now)


@dataclass
class _Channel:
    """What the master gives on one channel; checks that it does not wait for ready, and stays."""

    bus: Any
    prefix: str
    names: Sequence[str]
    held: tuple[int, ...] | None = None
    ready: bool = False

    def look(self, ctx: Any) -> tuple[int, ...] | None:
        if not ctx.get(getattr(self.bus, f"{self.prefix}valid")):
            return None
        return tuple(ctx.get(getattr(self.bus, self.prefix + name)) for name in self.names)

    def drive(self, ctx: Any, ready: bool) -> None:
        port, valid = (getattr(self.bus, self.prefix + name) for name in ("ready", "valid"))
        before = ctx.get(valid)
        ctx.set(port, ready)
        assert ctx.get(valid) == before, f"{self.prefix}valid depends on its ready"
        self.ready = ready

    def taken(self, ctx: Any) -> tuple[int, ...] | None:
        """What passes in this cycle."""
        seen = self.look(ctx)
        assert self.held in (None, seen), f"{self.prefix} changed before it was taken"
        self.held = None if self.ready else seen
        return seen if self.ready else None


def _burst(bus: Any, prefix: str, ctx: Any, address: int, behind: int) -> tuple[int, int]:
    """Address and words; checked against the rules of the bus."""
    for name, value in ATTRIBUTES.items():
        assert ctx.get(getattr(bus, prefix + name)) == value
    words = behind + 1
    assert words <= 16
    assert address % BYTES == 0
    assert address // 128 == (address + words * BYTES - 1) // 128, "crosses a boundary"
    return address, words


@dataclass
class ReadMemory:
    """Answers reads in order.

    Parameters
    ----------
    bus : of the master.
    content : a byte for every address, as a function.
    latency : cycles from an address to its first word, at least 1.
    stall, idle : probability that no address is taken, or no word given, in a cycle.
    errors : response of some words, by number.
    """

    bus: Any
    content: Callable[[int], int]
    latency: int = 1
    stall: float = 0.0
    idle: float = 0.0
    errors: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._asked = _Channel(self.bus, "ar", ["addr", "len"])
        self._queue: deque[tuple[int, int, bool]] = deque()
        self.valids = [self.bus.rvalid]
        self.bursts: list[tuple[int, int]] = []
        self.burst_cycles: list[int] = []
        self.cycles: list[int] = []

    @property
    def owed(self) -> int:
        """Words asked for and not given."""
        return len(self._queue)

    def drive(self, ctx: Any, now: int) -> None:
        self._asked.drive(ctx, self._random.random() >= self.stall)
        gives = bool(self._queue) and self._queue[0][0] <= now
        gives = gives and self._random.random() >= self.idle
        ctx.set(self.bus.rvalid, gives)
        ctx.set(self.bus.rdata, self._random.getrandbits(64))
        ctx.set(self.bus.rresp, self._random.getrandbits(2))
        if gives:
            _, address, last = self._queue.popleft()
            ctx.set(self.bus.rdata, word(self.content, address))
            ctx.set(self.bus.rlast, last)
            ctx.set(self.bus.rresp, self.errors.get(len(self.cycles), 0))
            self.cycles.append(now)

    def see(self, ctx: Any, now: int) -> None:
        assert ctx.get(self.bus.rready) == 1
        asked = self._asked.taken(ctx)
        if asked is None:
            return
        address, words = _burst(self.bus, "ar", ctx, *asked)
        self.bursts.append((address, words))
        self.burst_cycles.append(now)
        for number in range(words):
            at = address + number * BYTES
            self._queue.append((now + self.latency, at, number == words - 1))


def word(content: Callable[[int], int], address: int) -> int:
    """The little-endian word at ``address``."""
    return int.from_bytes(bytes(content(address + byte) for byte in range(BYTES)), "little")


@dataclass
class WriteMemory:
    """Takes writes and answers them in order.

    Parameters
    ----------
    bus : of the master.
    latency : cycles from a burst's last part to its answer, at least 1.
    stall_address, stall_word : probability that none is taken in a cycle.
    order : ``"any"``; ``"address first"``: takes words only of bursts whose address it has;
        ``"words first"``: takes an address only when it has all words of the burst.
    idle : probability that no answer is given in a cycle.
    errors : response of some bursts, by number; their bytes are not written.
    """

    bus: Any
    latency: int = 1
    stall_address: float = 0.0
    stall_word: float = 0.0
    order: str = "any"
    idle: float = 0.0
    errors: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._address = _Channel(self.bus, "aw", ["addr", "len"])
        self._word = _Channel(self.bus, "w", ["data", "strb", "last"])
        self._within = False
        self._bursts: deque[tuple[int, int]] = deque()
        self._words: deque[tuple[int, ...]] = deque()
        self._answers: deque[tuple[int, int]] = deque()
        self.valids = [self.bus.bvalid]
        self.bytes: dict[int, int] = {}
        self.bursts: list[tuple[int, int]] = []
        self.burst_cycles: list[int] = []
        self.cycles: list[int] = []
        self.answers: list[tuple[int, int]] = []

    @property
    def whole_words(self) -> int:
        """Bursts whose words are all there and whose address is not."""
        return sum(last for *_, last in self._words)

    def drive(self, ctx: Any, now: int) -> None:
        takes_address = self._random.random() >= self.stall_address
        takes_word = self._random.random() >= self.stall_word
        if self.order == "address first":
            takes_word &= sum(words for _, words in self._bursts) > len(self._words)
        if self.order == "words first":
            takes_address &= self.whole_words > 0
        self._address.drive(ctx, takes_address)
        self._word.drive(ctx, takes_word)
        gives = bool(self._answers) and self._answers[0][0] <= now
        gives = gives and self._random.random() >= self.idle
        ctx.set(self.bus.bvalid, gives)
        ctx.set(self.bus.bresp, self._answers[0][1] if gives else self._random.getrandbits(2))
        if gives:
            self.answers.append((now, self._answers.popleft()[1]))

    def see(self, ctx: Any, now: int) -> None:
        assert ctx.get(self.bus.bready) == 1
        address, given = self._address.taken(ctx), self._word.taken(ctx)
        waits = ctx.get(self.bus.wvalid)
        assert waits or not self._within, "the words of a burst do not follow each other"
        if waits:
            self._within = not (given and given[-1])
        if address is not None:
            self._bursts.append(_burst(self.bus, "aw", ctx, *address))
            self.bursts.append(self._bursts[-1])
            self.burst_cycles.append(now)
        if given is not None:
            self._words.append(given)
            self.cycles.append(now)
        while self._bursts and self.whole_words:
            self._write(*self._bursts.popleft(), now)

    def _write(self, address: int, words: int, now: int) -> None:
        response = self.errors.get(len(self.answers) + len(self._answers), 0)
        for number in range(words):
            data, strobe, last = self._words.popleft()
            assert last == (number == words - 1), "wlast is not at the burst's last word"
            for byte in range(BYTES):
                if strobe >> byte & 1 and not response:
                    self.bytes[address + number * BYTES + byte] = data >> 8 * byte & 0xFF
        self._answers.append((now + self.latency, response))
