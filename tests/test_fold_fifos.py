"""Depths of branch FIFOs against the most beats they hold in a simulation without pauses."""

import dataclasses

import numpy as np
import pytest
from amaranth.sim import Simulator
from network_feed import feed
from networks import frames_for
from test_network_rtl import residual_graph, to_integers

from slipstick.elaborate import Network
from slipstick.elaborate import network as elaboration
from slipstick.fold import FoldChoices, Plan, plan
from slipstick.graph import Graph
from slipstick.graph.nodes import Add
from slipstick.rtl_templates.fifo import Fifo

FRAMES = 3


@pytest.fixture
def fifos(monkeypatch) -> list[Fifo]:
    """The branch FIFOs of the networks that are elaborated, in the order of `Plan`."""
    made = []

    def fifo(bits: int, depth: int) -> Fifo:
        made.append(Fifo(bits, depth))
        return made[-1]

    monkeypatch.setattr(elaboration, "Fifo", fifo)
    return made


def marks(graph: Graph, decided: Plan, fifos: list[Fifo]) -> tuple[list[int], list[int]]:
    """The most beats that each FIFO holds, and the cycles at which frames end."""
    network = Network(graph, decided)
    simulator = Simulator(network)
    simulator.add_clock(1e-6)
    frames = frames_for(graph, FRAMES, 0)
    highest, ends = [0] * len(fifos), []

    async def send(ctx):
        await feed(ctx, network, to_integers(graph, decided, graph.input.name, frames))

    async def watch(ctx):
        held = [0] * len(fifos)
        ctx.set(network.o_ready, 1)
        cycle = 0
        while len(ends) < FRAMES:
            for number, each in enumerate(fifos):
                enters = ctx.get(each.i.valid) and ctx.get(each.i.ready)
                leaves = ctx.get(each.o.valid) and ctx.get(each.o.ready)
                held[number] += int(enters) - int(leaves)
                highest[number] = max(highest[number], held[number])
            if ctx.get(network.o_valid) and ctx.get(network.o_last):
                ends.append(cycle)
            await ctx.tick()
            cycle += 1
            assert cycle < 100_000

    simulator.add_testbench(send, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    return highest, ends


def added(graph: Graph) -> Graph:
    """``graph`` with its concatenation replaced by a sum."""
    *nodes, last = graph.nodes
    return Graph((*nodes, Add("sum", last.inputs, (0, 0))), "sum")


@pytest.mark.parametrize("shape", [residual_graph, lambda: added(residual_graph())])
def test_fifo_holds_all_that_waits_and_little_more(fifos, shape):
    graph = shape()
    decided = plan(graph, FoldChoices(300))
    highest, ends = marks(graph, decided, fifos)
    depths = [depth for stage in decided.stages for depth in stage.fifos if depth]
    assert np.diff(ends).tolist() == [decided.cycles] * (FRAMES - 1)
    assert len(highest) == len(depths)
    assert all(mark <= depth for mark, depth in zip(highest, depths, strict=True))
    # Two layers' rows and latencies are kept ready: a row is 11 beats, a latency 40 cycles.
    beats = 20 * 11 * 80 / decided.cycles
    assert max(depths) - max(highest) <= 2 * 11 + beats


def test_fifo_of_a_third_of_the_depth_would_slow_the_circuit_down(fifos):
    graph = added(residual_graph())
    decided = plan(graph, FoldChoices(300))
    *stages, last = decided.stages
    halved = dataclasses.replace(last, fifos=(last.fifos[0], max(last.fifos) // 3))
    _, ends = marks(graph, dataclasses.replace(decided, stages=(*stages, halved)), fifos)
    assert min(np.diff(ends)) > decided.cycles
