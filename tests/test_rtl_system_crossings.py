"""What crosses from one clock to another, with clocks of many ratios."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from slipstick.rtl_templates.system.crossings import ReadCrossing, StreamCrossing, ValueCrossing

PERIODS = [(10, 10), (10, 3), (7, 10)]


def simulator(component, periods):
    m = Module()
    m.submodules.dut = component
    simulator = Simulator(m)
    for domain, period in zip(("near", "far"), periods, strict=True):
        simulator.add_clock(period * 1e-9, domain=domain, phase=period * 0.31e-9)
    return simulator


@pytest.mark.parametrize("periods", PERIODS)
@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_stream_keeps_beats_and_order(periods, pause):
    crossing = StreamCrossing(19, "near", "far")
    draw = random.Random(1)
    beats = [draw.getrandbits(19) for _ in range(80)]
    got = []

    async def send(ctx):
        for beat in beats:
            while draw.random() < pause:
                await ctx.tick("near")
            ctx.set(crossing.i.payload, beat)
            ctx.set(crossing.i.valid, 1)
            while not ctx.get(crossing.i.ready):
                await ctx.tick("near")
            await ctx.tick("near")
            ctx.set(crossing.i.valid, 0)

    async def receive(ctx):
        while len(got) < len(beats):
            ready = draw.random() >= pause
            ctx.set(crossing.o.ready, ready)
            if ready and ctx.get(crossing.o.valid):
                got.append(ctx.get(crossing.o.payload))
            await ctx.tick("far")

    sim = simulator(crossing, periods)
    sim.add_testbench(send)
    sim.add_testbench(receive)
    sim.run()
    assert got == beats


@pytest.mark.parametrize("periods", PERIODS)
def test_requests_are_answered_once_with_the_word_of_the_moment(periods):
    crossing = ReadCrossing(16, "near", "far")
    draw = random.Random(2)
    given, got = [], []

    async def ask(ctx):
        for _ in range(25):
            ctx.set(crossing.request, 1)
            while not ctx.get(crossing.acknowledge):
                await ctx.tick("near")
            got.append(ctx.get(crossing.data))
            await ctx.tick("near")
            ctx.set(crossing.request, 0)
            assert not ctx.get(crossing.acknowledge)
            for _ in range(draw.randrange(4)):
                await ctx.tick("near")

    async def answer(ctx):
        while True:
            await ctx.tick("far")
            ctx.set(crossing.far_acknowledge, 0)
            ctx.set(crossing.far_data, draw.getrandbits(16))
            if ctx.get(crossing.far_request) and draw.random() < 0.5:
                given.append(ctx.get(crossing.far_data))
                ctx.set(crossing.far_acknowledge, 1)

    sim = simulator(crossing, periods)
    sim.add_testbench(ask)
    sim.add_testbench(answer, background=True)
    sim.run()
    assert len(got) == 25
    assert got == given


def test_answer_to_a_request_that_was_given_up_is_for_nobody():
    crossing = ReadCrossing(8, "near", "far")
    answering, got = [False], []

    async def ask(ctx):
        ctx.set(crossing.request, 1)
        await ctx.tick("near").repeat(20)
        ctx.set(crossing.request, 0)
        await ctx.tick("near").repeat(5)
        ctx.set(crossing.request, 1)
        await ctx.tick("near").repeat(20)
        answering[0] = True
        while not ctx.get(crossing.acknowledge):
            await ctx.tick("near")
        got.append(ctx.get(crossing.data))

    async def answer(ctx):
        count = 0
        while True:
            await ctx.tick("far")
            gives = answering[0] and ctx.get(crossing.far_request)
            count += int(gives)
            ctx.set(crossing.far_acknowledge, gives)
            ctx.set(crossing.far_data, count)
            await ctx.tick("far")
            ctx.set(crossing.far_acknowledge, 0)

    sim = simulator(crossing, (10, 7))
    sim.add_testbench(ask)
    sim.add_testbench(answer, background=True)
    sim.run()
    assert got == [2]


@pytest.mark.parametrize("periods", PERIODS)
def test_value_is_one_that_was_and_at_last_the_last(periods):
    crossing = ValueCrossing(12, "near", "far")
    draw = random.Random(3)
    values, seen = [draw.getrandbits(12) for _ in range(80)], []

    async def show(ctx):
        for value in values:
            ctx.set(crossing.i, value)
            await ctx.tick("near").repeat(draw.randrange(1, 9))
        await ctx.tick("near").repeat(20)
        await ctx.tick("far").repeat(20)

    async def look(ctx):
        while True:
            await ctx.tick("far")
            seen.append(ctx.get(crossing.o))

    sim = simulator(crossing, periods)
    sim.add_testbench(show)
    sim.add_testbench(look, background=True)
    sim.run()
    assert set(seen) <= {0, *values}
    assert len(set(seen)) > 5
    assert seen[-1] == values[-1]
