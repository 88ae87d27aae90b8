"""Results written to memory over the bus."""

import random
from dataclasses import dataclass

import pytest
from amaranth.back import rtlil
from axi_memory import Pulses, Simulation, Source, WriteMemory
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import refuses

from slipstick.rtl_templates.system.words import bursts
from slipstick.rtl_templates.system.write_master import WriteMaster

SIZES = [1, 5, 7, 8, 9, 127, 128, 129, 784]
PULSES = ["slverr", "decerr", "frame_written", "burst", "beat", "waiting", "idle"]
BUSY = {"stall_address": 0.4, "stall_word": 0.3, "idle": 0.3, "latency": 4}
SLOW_ANSWERS = {"latency": 25, "stall_word": 0.2}
ORDERS = ["any", "address first", "words first"]


def words_for(address, data):
    """The words of a result that starts at ``address``; bytes around it are rubbish."""
    start = address % 8
    size = -(-(start + len(data)) // 8) * 8
    whole = bytearray(b"\xee" * size)
    whole[start : start + len(data)] = data
    words = []
    for at in range(0, size, 8):
        strobe = sum(1 << byte for byte in range(8) if start <= at + byte < start + len(data))
        last = at == size - 8
        words.append(int.from_bytes(whole[at : at + 8], "little") | strobe << 64 | last << 72)
    return words


@dataclass
class Bench:
    """A master, results for it, and memory."""

    results: list
    depth: int = 32
    seed: int = 0

    def __post_init__(self):
        self.master = WriteMaster(self.depth)
        self.words = [words_for(address, data) for address, data in self.results]
        self.expected = {
            (address + number) % 2**32: byte
            for address, data in self.results
            for number, byte in enumerate(data)
        }
        self.bursts = [
            burst
            for (address, _), words in zip(self.results, self.words, strict=True)
            for burst in bursts(address, len(words))
        ]

    def agents(self, memory=(), send=0.0, command=0.0):
        self.memory = WriteMemory(self.master.bus, seed=self.seed, **dict(memory))
        beats = [word for words in self.words for word in words]
        self.source = Source(self.master.i, beats, send, self.seed + 1)
        addresses = [address for address, _ in self.results]
        self.commands = Source(self.master.commands, addresses, command, self.seed + 2)
        self.pulses = Pulses(self.master, PULSES)
        self.asked = 0
        self.was_waiting = False
        return self.memory, self.source, self.commands, self.pulses, self

    def drive(self, ctx, now):
        pass

    def see(self, ctx, now):
        """Checks what must hold in every cycle, also when all else is done."""
        bus, memory = self.master.bus, self.memory
        waits, taken = ctx.get(bus.awvalid), now in memory.burst_cycles[-1:]
        self.asked = len(memory.bursts) + (waits and not taken)
        # A burst is asked for only when its words were taken before.
        words = sum(words for _, words in self.bursts[: self.asked])
        held = sum(cycle < now for cycle in self.source.cycles[-3:]) + len(self.source.cycles[:-3])
        assert words <= held
        # And a word given only when its burst is asked for.
        given = len(memory.cycles) + (ctx.get(bus.wvalid) and now not in memory.cycles[-1:])
        assert given <= words
        answered = len(memory.answers) - (now in [cycle for cycle, _ in memory.answers[-1:]])
        assert self.asked - answered <= 8
        assert ctx.get(self.master.idle) == (self.asked == answered)
        stuck = (waits and not taken) or (ctx.get(bus.wvalid) and now not in memory.cycles[-1:])
        assert ctx.get(self.master.waiting) == stuck

    def run(self, body=None, **traffic):
        async def whole(ctx, simulation):
            await self.finish(ctx, simulation)

        Simulation(self.master, *self.agents(**traffic)).run(body or whole)
        return self

    async def finish(self, ctx, simulation):
        done = lambda: len(self.memory.answers) == len(self.bursts)  # noqa: E731
        await simulation.until(ctx, done, 60_000)
        await simulation.cycles(ctx, 20)
        self.check()

    def check(self):
        assert self.memory.bytes == self.expected
        assert self.memory.bursts == self.bursts
        cycles = self.pulses.cycles
        assert cycles["burst"] == self.memory.burst_cycles
        assert cycles["beat"] == self.memory.cycles
        answered = [cycle for cycle, _ in self.memory.answers]
        assert cycles["frame_written"] == [answered[last] for last in self.lasts()]

    def lasts(self):
        """Numbers of the results' last bursts."""
        lasts, count = [], 0
        for (address, _), words in zip(self.results, self.words, strict=True):
            count += len(list(bursts(address, len(words))))
            lasts.append(count - 1)
        return lasts


def results_at(size, addresses, seed=0):
    draw = random.Random(seed)
    return [(address, draw.randbytes(size)) for address in addresses]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", SIZES)
def test_writes_the_bytes_of_results_and_no_other(size, order):
    # Every offset, next to each other, across 4 KiB, to the end of memory.
    addresses = [
        *(0xF000 + 8 * size * number + number for number in range(8)),
        0x1FFD,
        2**32 - size,
    ]
    if size > 200:
        addresses = [0x1003, 0x1FFE, 2**32 - size]
    results = results_at(size, addresses)
    Bench(results).run(memory={**BUSY, "order": order}, send=0.2, command=0.3)


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 300)), min_size=1, max_size=8),
    st.sampled_from([16, 17, 32]),
    st.sampled_from(ORDERS),
    st.tuples(*[st.sampled_from([0.0, 0.3, 0.7])] * 5),
    st.sampled_from([1, 3, 30]),
)
def test_writes_any_results(places, depth, order, pauses, latency):
    address, word, idle, send, command = pauses
    memory = {"stall_address": address, "stall_word": word, "idle": idle, "latency": latency}
    draw = random.Random(0)
    results = [(at, draw.randbytes(size)) for at, size in places]
    bench = Bench(results, depth)
    bench.run(memory={**memory, "order": order}, send=send, command=command)


@pytest.mark.parametrize("order", ORDERS)
def test_long_results_take_one_cycle_a_word(order):
    bench = Bench(results_at(800, [0x1000, 0x2004])).run(memory={"order": order})
    words = sum(map(len, bench.words))
    span = bench.memory.cycles[-1] - bench.memory.cycles[0] + 1
    # Who wants all words before the address has the next burst's words wait for it.
    assert span <= words + 2 * len(bench.bursts) if order == "words first" else span == words


def test_a_short_result_takes_no_cycle_more_than_its_words():
    bench = Bench(results_at(20, range(0, 40 * 24, 24))).run()
    cycles = bench.memory.cycles
    assert len(bench.bursts) > 40
    assert len(cycles) == 120
    assert cycles[-1] - cycles[0] + 1 == 120
    # The last word of a burst comes in cycle 3, its address in cycle 5.
    assert bench.source.cycles[2] == 3
    assert bench.memory.burst_cycles[0] == 5


def test_several_answers_are_outstanding():
    bench = Bench(results_at(8, range(0, 160, 8))).run(memory={"latency": 50})
    starts = bench.memory.burst_cycles
    assert starts[7] - starts[0] == 7
    assert starts[8] - starts[7] > 40


def test_nothing_is_asked_for_before_a_burst_is_whole():
    bench = Bench(results_at(200, [64]))

    async def body(ctx, simulation):
        # Up to the boundary 8 words, then 16, then 1.
        for count, asked in ((7, 0), (8, 1), (23, 1), (24, 2), (25, 3)):
            bench.source.beats = bench.words[0][:count]
            await simulation.cycles(ctx, 30)
            assert (bench.asked, len(bench.memory.answers)) == (asked, asked)
        bench.check()

    bench.run(body)


STOPPED = {"stall_address": 0.5, "stall_word": 0.4, "idle": 0.3, "latency": 3}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("start", range(0, 60, 20))
def test_stop_in_any_cycle(start, order):
    bench = Bench(results_at(100, [5, 300, 640]))
    memory = {**STOPPED, "order": order}

    async def one(ctx, simulation, at):
        await simulation.cycles(ctx, at)
        asked = len(bench.memory.bursts) + ctx.get(bench.master.bus.awvalid)
        ctx.set(bench.master.stop, 1)
        await simulation.until(ctx, lambda: bool(ctx.get(bench.master.idle)), 300)
        for _ in range(30):
            await simulation.cycle(ctx)
            assert ctx.get(bench.master.idle)
        # The bursts that were asked for are written with their own data.
        assert bench.memory.bursts == bench.bursts[:asked]
        assert len(bench.memory.answers) == asked
        lines = [(at, at + 8 * words) for at, words in bench.bursts[:asked]]
        inside = {at for first, end in lines for at in range(first, end)}
        assert bench.memory.bytes == {
            at: byte for at, byte in bench.expected.items() if at in inside
        }
        ctx.set(bench.master.stop, 0)
        await simulation.reset(ctx, *bench.agents(memory=memory))

    async def body(ctx, simulation):
        for at in range(start, start + 20):
            await one(ctx, simulation, at)
        await bench.finish(ctx, simulation)

    bench.run(body, memory=memory)


def test_goes_on_after_a_stop_without_reset():
    bench = Bench(results_at(200, [5, 300, 512, 1027]))

    async def body(ctx, simulation):
        for at in range(500):
            ctx.set(bench.master.stop, at % 37 > 20)
            await simulation.cycle(ctx)
        bench.check()

    bench.run(body, memory=STOPPED)


@pytest.mark.parametrize("response", [2, 3])
def test_no_result_counts_from_an_error_on(response):
    results = results_at(100, [100, 300, 500, 700])
    for bad in range(8):
        bench = Bench(results)
        assert len(bench.bursts) == 8
        errors = {bad: response}

        async def body(ctx, simulation, bench=bench):
            done = lambda: len(bench.memory.answers) == len(bench.bursts)  # noqa: E731
            await simulation.until(ctx, done, 2000)
            await simulation.cycles(ctx, 20)

        bench.run(body, memory={**SLOW_ANSWERS, "errors": errors})
        answered = [cycle for cycle, _ in bench.memory.answers]
        good = [answered[last] for last in bench.lasts() if last < bad]
        assert bench.pulses.cycles["frame_written"] == good
        ours, other = ("slverr", "decerr") if response == 2 else ("decerr", "slverr")
        assert bench.pulses.cycles[ours] == [answered[bad]]
        assert bench.pulses.cycles[other] == []


def test_results_count_again_after_reset():
    bench = Bench(results_at(100, [8, 128]))

    async def body(ctx, simulation):
        await simulation.cycles(ctx, 100)
        assert bench.pulses.cycles["frame_written"] == []
        await simulation.reset(ctx, *bench.agents())
        await bench.finish(ctx, simulation)

    bench.run(body, memory={"errors": {0: 2}})


@pytest.mark.parametrize("at", [0, 1, 2, 3, 10, 15, 18, 40])
def test_a_result_is_right_after_reset(at):
    bench = Bench(results_at(100, [3, 177, 300]))

    async def body(ctx, simulation):
        await simulation.cycles(ctx, at)
        await simulation.reset(ctx, *bench.agents())
        await bench.finish(ctx, simulation)

    bench.run(body, memory=BUSY)


def test_converts():
    assert "top" in rtlil.convert(WriteMaster(), name="top")


def test_refuses():
    with refuses("Depth must be an integer of at least 16, not 15"):
        WriteMaster(15)
