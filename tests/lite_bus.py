"""Reads and writes on an AXI4-Lite bus in Amaranth's simulator, checking the slave's answers."""

from typing import Any

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator

PATIENCE = 1000
"""Cycles after which a handshake counts as stuck."""


def simulate(component: wiring.Component, *benches: Any) -> None:
    """Runs ``benches`` side by side; each is called with the context and the reset."""
    module = Module()
    module.domains.sync = domain = ClockDomain("sync")
    module.submodules.dut = component
    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(_with(domain.rst, bench))
    simulator.run()


def _with(reset: Signal, bench: Any) -> Any:
    async def testbench(ctx: Any) -> None:
        await bench(ctx, reset)

    return testbench


async def read(ctx: Any, bus: Any, address: int, *, hold: int = 0) -> tuple[int, int]:
    """Data and response; the answer must stand ``hold`` cycles before it is taken."""
    ctx.set(bus.araddr, address)
    ctx.set(bus.arvalid, 1)
    await until(ctx, bus.arready)
    await ctx.tick()
    ctx.set(bus.arvalid, 0)
    ctx.set(bus.araddr, ~address)
    await until(ctx, bus.rvalid)
    answer = ctx.get(bus.rdata), ctx.get(bus.rresp)
    for _ in range(hold):
        await ctx.tick()
        assert ctx.get(bus.rvalid)
        assert (ctx.get(bus.rdata), ctx.get(bus.rresp)) == answer
    ctx.set(bus.rready, 1)
    await ctx.tick()
    ctx.set(bus.rready, 0)
    assert not ctx.get(bus.rvalid)
    return answer


async def write(
    ctx: Any,
    bus: Any,
    address: int,
    data: int,
    strobes: int = 0b1111,
    *,
    lead: int = 0,
    hold: int = 0,
) -> int:
    """Response; the address comes ``lead`` cycles before the data, or after if negative."""
    start = {"aw": max(0, -lead), "w": max(0, lead)}
    ctx.set(bus.awaddr, address)
    ctx.set(bus.wdata, data)
    ctx.set(bus.wstrb, strobes)
    for cycle in range(PATIENCE):
        assert not ctx.get(bus.bvalid)
        for channel, first in start.items():
            ctx.set(getattr(bus, f"{channel}valid"), cycle >= first)
        taken = [c for c in start if cycle >= start[c] and ctx.get(getattr(bus, f"{c}ready"))]
        await ctx.tick()
        for channel in taken:
            ctx.set(getattr(bus, f"{channel}valid"), 0)
            ctx.set(bus.awaddr if channel == "aw" else bus.wdata, ~address)
            del start[channel]
        if not start:
            break
    assert not start, "stuck"
    await until(ctx, bus.bvalid)
    response = ctx.get(bus.bresp)
    for _ in range(hold):
        await ctx.tick()
        assert (ctx.get(bus.bvalid), ctx.get(bus.bresp)) == (1, response)
    ctx.set(bus.bready, 1)
    await ctx.tick()
    ctx.set(bus.bready, 0)
    assert not ctx.get(bus.bvalid)
    return response


async def until(ctx: Any, signal: Signal) -> int:
    """Cycles until ``signal`` is high, 0 if it is."""
    for cycle in range(PATIENCE):
        if ctx.get(signal):
            return cycle
        await ctx.tick()
    raise AssertionError(f"{signal.name} stays low")
