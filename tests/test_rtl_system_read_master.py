"""Frames read from memory over the bus."""

from dataclasses import dataclass

import pytest
from amaranth.back import rtlil
from axi_memory import Pulses, ReadMemory, Simulation, Sink, Source, word
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import refuses

from slipstick.rtl_templates.system.frame_addresses import FrameAddresses
from slipstick.rtl_templates.system.read_master import ReadMaster

SIZES = [1, 5, 7, 8, 9, 127, 128, 129, 784, 3072]
PULSES = ["slverr", "decerr", "frame_read", "burst", "beat", "idle"]
BUSY = {"stall": 0.3, "idle": 0.3, "latency": 4}


def content(address):
    """A byte of memory; neighbours and words far apart differ."""
    return (address * 37 + (address >> 8) * 101 + 11) % 251


def words_of(size, addresses):
    """Addresses of the words in which frames lie."""
    return [
        at % 2**32
        for address in addresses
        for at in range(address - address % 8, address + size, 8)
    ]


def marked_words(size, addresses):
    """What the master has to give: data, whether a frame's first, and its offset."""
    return [
        (word(content, at), at <= address < at + 8, address % 8 if at <= address else None)
        for address in addresses
        for at in words_of(size, [address])
    ]


def unmarked(beat):
    """A beat as in `marked_words`."""
    first = bool(beat >> 64 & 1)
    return beat & (1 << 64) - 1, first, beat >> 65 if first else None


@dataclass
class Bench:
    """A master, addresses for it, memory, and a taker of its words."""

    size: int
    addresses: list
    depth: int = 64
    seed: int = 0

    def __post_init__(self):
        self.master = ReadMaster(self.size, self.depth)
        self.expected = marked_words(self.size, self.addresses)

    def agents(self, memory=(), take=0.0, send=0.0):
        self.memory = ReadMemory(self.master.bus, content, seed=self.seed, **dict(memory))
        self.sink = Sink(self.master.o, stall=take, seed=self.seed + 1)
        self.source = Source(self.master.i, self.addresses, send, self.seed + 2)
        self.pulses = Pulses(self.master, PULSES)
        return self.memory, self.sink, self.source, self.pulses, self

    def drive(self, ctx, now):
        pass

    def see(self, ctx, now):
        """Checks what must hold in every cycle, also when all else is done."""
        asked = sum(words for _, words in self.memory.bursts)
        assert asked - len(self.sink.beats) <= self.depth
        owed = self.memory.owed + (now in self.memory.cycles[-1:])
        waits = ctx.get(self.master.bus.arvalid)
        assert ctx.get(self.master.idle) == (not owed and not waits)

    def run(self, body=None, **traffic):
        async def whole(ctx, simulation):
            await self.finish(ctx, simulation)

        Simulation(self.master, *self.agents(**traffic)).run(body or whole)
        return self

    async def finish(self, ctx, simulation):
        await simulation.until(ctx, lambda: len(self.sink.beats) == len(self.expected), 60_000)
        await simulation.cycles(ctx, 20)
        self.check()

    def check(self):
        assert [unmarked(beat) for beat in self.sink.beats] == self.expected
        read = [at + 8 * number for at, count in self.memory.bursts for number in range(count)]
        assert read == words_of(self.size, self.addresses)
        assert self.memory.bursts == self.master.model(self.addresses)
        cycles = self.pulses.cycles
        assert cycles["burst"] == self.memory.burst_cycles
        assert cycles["beat"] == self.memory.cycles
        ends = [number - 1 for number, beat in enumerate(self.expected) if beat[1]][1:]
        assert cycles["frame_read"] == [self.memory.cycles[end] for end in (*ends, -1)]


@pytest.mark.parametrize("size", SIZES)
def test_reads_the_words_of_frames_and_no_other(size):
    # Every offset, next to each other, overlapping, across 4 KiB, to the end of memory.
    addresses = [*range(0xFE0, 0xFE8), 0x2000, 0x2000, 0x1FFD, 2**32 - size]
    if size > 200:
        addresses = [0x1003, 0x1007, 0x1FFE, 2**32 - size]
    Bench(size, addresses).run(memory=BUSY, take=0.2, send=0.3)


@settings(max_examples=10)
@given(
    st.integers(1, 300),
    st.lists(st.integers(0, 2**32 - 301), min_size=1, max_size=8),
    st.sampled_from([16, 17, 64]),
    st.tuples(*[st.sampled_from([0.0, 0.3, 0.7])] * 4),
    st.sampled_from([1, 3, 30]),
)
def test_reads_any_frames(size, addresses, depth, pauses, latency):
    stall, idle, take, send = pauses
    memory = {"stall": stall, "idle": idle, "latency": latency}
    Bench(size, addresses, depth).run(memory=memory, take=take, send=send)


def test_a_784_byte_frame_is_seven_bursts():
    bench = Bench(784, [0x1000_0003]).run()
    assert [words for _, words in bench.memory.bursts] == [16, 16, 16, 16, 16, 16, 3]
    assert bench.memory.bursts[0] == (0x1000_0000, 16)


@pytest.mark.parametrize("latency", [1, 10, 30])
@pytest.mark.parametrize("size", [20, 128, 784])
def test_one_word_a_cycle(size, latency):
    bench = Bench(size, [at * size * 3 for at in range(12)]).run(memory={"latency": latency})
    words = len(bench.expected)
    # The first address passes in cycle 0, its burst is asked for in cycle 3.
    assert bench.memory.burst_cycles[0] == 3
    assert bench.memory.cycles == list(range(3 + latency, 3 + latency + words))
    assert bench.sink.cycles == [cycle + 2 for cycle in bench.memory.cycles]


def test_several_bursts_are_outstanding_and_no_more_than_fit():
    bench = Bench(784, [0, 1000])

    async def body(ctx, simulation):
        await simulation.cycles(ctx, 60)

    bench.run(body, memory={"latency": 50})
    assert bench.memory.burst_cycles == [3, 4, 5, 6]
    assert len(bench.memory.cycles) == 60 - 53


def test_nothing_more_is_asked_for_than_the_fifo_holds():
    bench = Bench(50, [8 * number for number in range(20)])

    async def body(ctx, simulation):
        await simulation.cycles(ctx, 300)

    bench.run(body, take=1.0)
    assert bench.memory.owed == 0
    # Nine frames of 7 words, each of one burst, or of two across a boundary.
    assert sum(words for _, words in bench.memory.bursts) in (63, 64)


STOPPED = {"latency": 5, "stall": 0.4, "idle": 0.2}


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_stop_in_any_cycle(start):
    bench = Bench(200, [5, 300, 512, 1027], depth=40)

    async def one(ctx, simulation, at):
        await simulation.cycles(ctx, at)
        waits = ctx.get(bench.master.bus.arvalid)
        ctx.set(bench.master.stop, 1)
        asked = len(bench.memory.bursts)
        await simulation.until(ctx, lambda: bool(ctx.get(bench.master.idle)), 200)
        for _ in range(30):
            await simulation.cycle(ctx)
            assert ctx.get(bench.master.idle)
        # Only a burst whose address was valid before is read.
        assert len(bench.memory.bursts) == asked + waits
        assert bench.memory.owed == 0
        ctx.set(bench.master.stop, 0)
        await simulation.reset(ctx, *bench.agents(memory=STOPPED, take=0.3))

    async def body(ctx, simulation):
        for at in range(start, start + 20):
            await one(ctx, simulation, at)
        await bench.finish(ctx, simulation)

    bench.run(body, memory=STOPPED, take=0.3)


def test_goes_on_after_a_stop_without_reset():
    bench = Bench(200, [5, 300, 512, 1027])

    async def body(ctx, simulation):
        for at in range(400):
            ctx.set(bench.master.stop, at % 37 > 20)
            await simulation.cycle(ctx)
        bench.check()

    bench.run(body, memory=STOPPED)


def test_errors_pulse_with_their_words():
    errors = {0: 2, 5: 3, 6: 2, 7: 2, 30: 3, 51: 2}
    bench = Bench(200, [5, 300]).run(memory={**BUSY, "errors": errors})
    cycles = bench.memory.cycles
    assert len(cycles) == 52
    assert bench.pulses.cycles["slverr"] == [cycles[at] for at in (0, 6, 7, 51)]
    assert bench.pulses.cycles["decerr"] == [cycles[at] for at in (5, 30)]


@pytest.mark.parametrize("at", [0, 1, 2, 3, 10, 40])
def test_a_frame_is_right_after_reset(at):
    bench = Bench(100, [3, 77, 200])

    async def body(ctx, simulation):
        await simulation.cycles(ctx, at)
        await simulation.reset(ctx, *bench.agents())
        await bench.finish(ctx, simulation)

    bench.run(body, memory=BUSY)


def test_converts():
    for size in (1, 784):
        assert "top" in rtlil.convert(ReadMaster(size), name="top")


def test_refuses():
    with refuses("Frame bytes must be a positive integer, not 0"):
        ReadMaster(0)
    with refuses("Depth must be an integer of at least 16, not 15"):
        ReadMaster(1, 15)


@pytest.mark.parametrize(("stride", "frames"), [(0, 3), (784, 1), (2**32 - 1, 4), (2**31, 5)])
def test_addresses_of_a_batch(stride, frames):
    addresses = FrameAddresses()
    ports = {"start": 0, "first": 0xFFFF_FFF0, "stride": stride, "frames": frames}
    expected = addresses.model(0xFFFF_FFF0, stride, frames)
    assert expected[1:2] == [(0xFFFF_FFF0 + stride) % 2**32][: frames - 1]
    sink = Sink(addresses.o, stall=0.3)

    async def body(ctx, simulation):
        for name, value in ports.items():
            ctx.set(getattr(addresses, name), value)
        for _ in range(2):
            sink.beats.clear()
            ctx.set(addresses.start, 1)
            await simulation.cycle(ctx)
            ctx.set(addresses.start, 0)
            # Taken at the start only.
            ctx.set(addresses.stride, 5)
            await simulation.cycles(ctx, 40)
            assert sink.beats == expected
            ctx.set(addresses.stride, stride)

    Simulation(addresses, sink).run(body)


def test_addresses_come_one_a_cycle():
    addresses = FrameAddresses()
    sink = Sink(addresses.o)

    async def body(ctx, simulation):
        ctx.set(addresses.start, 1)
        ctx.set(addresses.frames, 37)
        await simulation.cycle(ctx)
        ctx.set(addresses.start, 0)
        await simulation.cycles(ctx, 100)

    Simulation(addresses, sink).run(body)
    assert sink.cycles == list(range(1, 1 + 37))
