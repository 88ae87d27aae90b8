"""The bridge from the processor's AXI3 port to the registers, under random traffic."""

import random
from dataclasses import dataclass, field

import pytest
from amaranth.sim import Simulator
from streams import refuses

from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.register_bridge import RegisterBridge

BASE = 0x43C0_0000
FIXED, INCR, WRAP = 0, 1, 2
READ_REGION, WRITE_REGION, BAD_REGION = 0x0000, 0x4000, 0x8000
"""Reads and writes go to words of their own, so that their order does not matter."""


@dataclass
class Burst:
    address: int
    identity: int
    kind: int
    size: int
    beats: int
    data: list[tuple[int, int]] = field(default_factory=list)
    """Word and strobes of each beat of a write."""

    @property
    def refusal(self) -> int:
        if self.address >> 16 != BASE >> 16:
            return axi.DECERR
        return axi.OKAY if self.kind == INCR else axi.SLVERR

    @property
    def words(self) -> list[int]:
        """Offsets of the words of its beats, by the rule of the AXI specification."""
        step = 1 << self.size
        aligned = self.address - self.address % step
        addresses = [self.address, *(aligned + beat * step for beat in range(1, self.beats))]
        return [(address & 0xFFFF) & ~3 for address in addresses]


def value_at(offset: int) -> int:
    return (offset * 0x9E37_79B1) & 0xFFFF_FFFF


def random_burst(rng: random.Random, region: int, identity: int) -> Burst:
    beats = rng.choice([1, 1, 1, 2, 4, 16, rng.randint(1, 16)])
    size = 2 if beats > 1 and rng.random() < 0.8 else rng.randint(0, 2)
    kind = INCR if rng.random() < 0.8 else rng.choice([FIXED, WRAP])
    window = BASE if rng.random() < 0.9 else rng.choice([0x4000_0000, BASE + 0x1_0000])
    chosen = region if rng.random() < 0.8 else BAD_REGION + region
    # A burst stays in its 4 KByte.
    offset = rng.randrange(0x1000 - beats * 4)
    return Burst(window + chosen + offset, identity, kind, size, beats)


class LiteSlave:
    """Words that answer after random times; those of BAD_REGION with SLVERR."""

    def __init__(self, bridge: RegisterBridge, rng: random.Random) -> None:
        self.bus, self.rng = bridge.bus, rng
        self.written: dict[int, int] = {}
        self.reads: list[int] = []

    async def read(self, ctx) -> None:
        bus = self.bus
        while True:
            (address,) = await self._accept(ctx, bus.arvalid, bus.arready, bus.araddr)
            self.reads.append(address)
            await self._pause(ctx)
            ctx.set(bus.rdata, value_at(address))
            ctx.set(bus.rresp, axi.SLVERR if address >= BAD_REGION else axi.OKAY)
            await self._give(ctx, bus.rvalid, bus.rready)

    async def write(self, ctx) -> None:
        bus = self.bus
        while True:
            # Address first, data first, or both together.
            order = self.rng.randrange(3)
            if order == 0:
                (address,) = await self._accept(ctx, bus.awvalid, bus.awready, bus.awaddr)
                data, strobe = await self._accept(ctx, bus.wvalid, bus.wready, bus.wdata, bus.wstrb)
            elif order == 1:
                data, strobe = await self._accept(ctx, bus.wvalid, bus.wready, bus.wdata, bus.wstrb)
                (address,) = await self._accept(ctx, bus.awvalid, bus.awready, bus.awaddr)
            else:
                await edge(ctx, bus.awvalid & bus.wvalid)
                ctx.set(bus.awready, 1)
                ctx.set(bus.wready, 1)
                _, _, address, data, strobe = await ctx.tick().sample(
                    bus.awaddr, bus.wdata, bus.wstrb
                )
                ctx.set(bus.awready, 0)
                ctx.set(bus.wready, 0)
            assert address % 4 == 0
            if address < BAD_REGION:
                self.written[address] = merged(self.written.get(address, 0), data, strobe)
            await self._pause(ctx)
            ctx.set(bus.bresp, axi.SLVERR if address >= BAD_REGION else axi.OKAY)
            await self._give(ctx, bus.bvalid, bus.bready)

    async def _pause(self, ctx) -> None:
        for _ in range(self.rng.choice([0, 0, 1, 3])):
            await ctx.tick()

    async def _accept(self, ctx, valid, ready, *payload) -> list[int]:
        await self._pause(ctx)
        return await receive(ctx, valid, ready, payload)

    async def _give(self, ctx, valid, ready) -> None:
        ctx.set(valid, 1)
        await edge(ctx, ready)
        ctx.set(valid, 0)


async def receive(ctx, valid, ready, payload) -> list[int]:
    ctx.set(ready, 1)
    seen = await edge(ctx, valid, *payload)
    ctx.set(ready, 0)
    return seen


async def edge(ctx, condition, *values) -> list[int]:
    """Waits for a clock edge at which ``condition`` holds; what ``values`` are there.

    By hand, since what `until` leaves behind at the end of a simulation cannot be closed.
    """
    while True:
        _, _, holds, *seen = await ctx.tick().sample(condition, *values)
        if holds:
            return seen


def merged(word: int, data: int, strobe: int) -> int:
    mask = sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1)
    return (word & ~mask) | (data & mask)


async def send(ctx, rng: random.Random, valid, ready, values) -> None:
    while rng.random() < 0.3:
        await ctx.tick()
    for signal, value in values:
        ctx.set(signal, value)
    ctx.set(valid, 1)
    await edge(ctx, ready)
    ctx.set(valid, 0)


async def take(ctx, rng: random.Random, valid, ready, signals) -> list[int]:
    while rng.random() < 0.3:
        await ctx.tick()
    return await receive(ctx, valid, ready, signals)


@pytest.mark.parametrize("seed", range(3))
def test_random_bursts(seed: int) -> None:
    rng = random.Random(seed)
    bridge = RegisterBridge(BASE)
    gp = bridge.gp
    slave = LiteSlave(bridge, random.Random(seed + 100))
    reads = [random_burst(rng, READ_REGION, rng.randrange(1 << 12)) for _ in range(60)]
    writes = [random_burst(rng, WRITE_REGION, rng.randrange(1 << 12)) for _ in range(60)]
    for burst in writes:
        burst.data = [(rng.getrandbits(32), rng.randrange(16)) for _ in range(burst.beats)]

    async def ask_reads(ctx) -> None:
        for burst in reads:
            await send(ctx, rng, gp.arvalid, gp.arready, address_values(gp, "ar", burst))

    async def take_reads(ctx) -> None:
        for burst in reads:
            for beat, offset in enumerate(burst.words):
                seen = await take(
                    ctx, rng, gp.rvalid, gp.rready, (gp.rid, gp.rlast, gp.rresp, gp.rdata)
                )
                bad = axi.SLVERR if offset >= BAD_REGION else axi.OKAY
                answer = burst.refusal or bad
                word = 0 if burst.refusal else value_at(offset)
                assert seen == [burst.identity, beat == burst.beats - 1, answer, word]

    async def ask_writes(ctx) -> None:
        for burst in writes:
            await send(ctx, rng, gp.awvalid, gp.awready, address_values(gp, "aw", burst))

    async def send_words(ctx) -> None:
        for burst in writes:
            for word, strobe in burst.data:
                values = ((gp.wdata, word), (gp.wstrb, strobe))
                await send(ctx, rng, gp.wvalid, gp.wready, values)

    async def take_answers(ctx) -> None:
        for burst in writes:
            seen = await take(ctx, rng, gp.bvalid, gp.bready, (gp.bid, gp.bresp))
            bad = any(offset >= BAD_REGION for offset in burst.words)
            assert seen == [burst.identity, burst.refusal or (axi.SLVERR if bad else axi.OKAY)]

    simulate(bridge, slave, (ask_reads, take_reads, ask_writes, send_words, take_answers))
    done = [burst for burst in reads if not burst.refusal]
    assert slave.reads == [offset for burst in done for offset in burst.words]
    expected: dict[int, int] = {}
    for burst in writes:
        for offset, (word, strobe) in zip(burst.words, burst.data, strict=True):
            if not burst.refusal and offset < BAD_REGION:
                expected[offset] = merged(expected.get(offset, 0), word, strobe)
    assert slave.written == expected
    kinds = {burst.refusal for burst in (*reads, *writes)}
    assert kinds == {axi.OKAY, axi.SLVERR, axi.DECERR}


def address_values(gp, prefix: str, burst: Burst):
    values = {
        "addr": burst.address,
        "id": burst.identity,
        "burst": burst.kind,
        "size": burst.size,
        "len": burst.beats - 1,
    }
    return [(getattr(gp, prefix + name), value) for name, value in values.items()]


def simulate(bridge: RegisterBridge, slave: LiteSlave, benches) -> None:
    simulator = Simulator(bridge)
    simulator.add_clock(1e-6)
    simulator.add_testbench(slave.read, background=True)
    simulator.add_testbench(slave.write, background=True)
    simulator.add_testbench(watched(bridge), background=True)
    for bench in benches:
        simulator.add_testbench(bench)

    async def timeout(ctx) -> None:
        for _ in range(6_000):
            await ctx.tick()
        raise AssertionError("stuck")

    simulator.add_testbench(timeout, background=True)
    simulator.run()


def watched(bridge: RegisterBridge):
    """Checks that what the bridge offers stays until it is taken."""
    gp, bus = bridge.gp, bridge.bus
    offers = (
        (bus.arvalid, bus.arready, (bus.araddr,)),
        (bus.awvalid, bus.awready, (bus.awaddr,)),
        (bus.wvalid, bus.wready, (bus.wdata, bus.wstrb)),
        (gp.rvalid, gp.rready, (gp.rid, gp.rdata, gp.rresp, gp.rlast)),
        (gp.bvalid, gp.bready, (gp.bid, gp.bresp)),
    )
    flat = [signal for valid, ready, payload in offers for signal in (valid, ready, *payload)]

    async def watch(ctx) -> None:
        held: list = [None] * len(offers)
        while True:
            _, _, *values = await ctx.tick().sample(*flat)
            rest = iter(values)
            for place, (_, _, payload) in enumerate(offers):
                valid, ready = next(rest), next(rest)
                shown = [next(rest) for _ in payload]
                if held[place] is not None:
                    assert valid
                    assert shown == held[place]
                held[place] = shown if valid and not ready else None

    return watch


@pytest.mark.parametrize("base", [0x43C0_0004, -0x1_0000, 1 << 32, "x"])
def test_wrong_base(base: object) -> None:
    with refuses(f"Base must be a multiple of 0x10000 in 32 bits, not {base!r}"):
        RegisterBridge(base)  # type: ignore[arg-type]
