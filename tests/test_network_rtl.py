"""Random networks: what the circuit computes is what the golden model computes."""

import random

import numpy as np
import pytest
import torch
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from network_feed import feed
from networks import frames_for, graphs

from slipstick.elaborate import Network
from slipstick.fold import FoldChoices, PinnedFold, Plan, plan
from slipstick.graph import Graph, Window, run
from slipstick.graph.nodes import Affine, Concat, Input, L1Matmul, Move, ShiftMatmul
from slipstick.streams import pack


def to_integers(graph: Graph, decided: Plan, tensor: str, values: np.ndarray) -> list[list[int]]:
    """The beats of every frame."""
    words = pack(values, decided.layouts[tensor], graph.tensors[tensor].width)
    return [[int.from_bytes(beat.tobytes(), "little") for beat in frame] for frame in words]


def run_network(
    graph: Graph,
    decided: Plan,
    frames: np.ndarray,
    idle: float,
    stall: float,
    seed: int,
    patience: int = 400_000,
) -> tuple[list[int], list[int], list[int]]:
    """Beats that came out, beats that should have, and cycles between the ends of frames."""
    pauses = random.Random(seed)
    network = Network(graph, decided)
    golden = run(graph, torch.from_numpy(frames))[graph.output].numpy()
    sent = to_integers(graph, decided, graph.input.name, frames)
    expected = [
        beat for frame in to_integers(graph, decided, graph.output, golden) for beat in frame
    ]
    per_frame = len(expected) // len(frames)
    got, times = [], []

    async def send(ctx):
        await feed(ctx, network, sent, lambda: pauses.random() < idle)

    async def receive(ctx):
        cycle = 0
        while len(got) < len(expected):
            ready = pauses.random() >= stall
            ctx.set(network.o_ready, ready)
            valid, beat, last = (
                ctx.get(port) for port in (network.o_valid, network.o_data, network.o_last)
            )
            await ctx.tick()
            cycle += 1
            assert cycle < patience, f"stuck after {len(got)} of {len(expected)} beats"
            if valid and ready:
                got.append(beat)
                times.append(cycle)
                assert last == (len(got) % per_frame == 0)
        assert not ctx.get(network.error_short)
        assert not ctx.get(network.error_long)

    simulator = Simulator(network)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send, background=True)
    simulator.add_testbench(receive)
    simulator.run()
    ends = times[per_frame - 1 :: per_frame]
    return got, expected, list(np.diff(ends))


def pinned_folds(graph: Graph, draw) -> dict[str, PinnedFold]:
    """Any P and S for some of the layers, divisors or not."""
    pinned = {}
    for node in graph.nodes:
        # Moved channels allow some values of S only.
        free = hasattr(node, "groups") and not isinstance(graph[node.inputs[0]], Move)
        if free and draw(st.booleans()):
            channels = graph.tensors[node.inputs[0]].shape[0] // node.groups
            outputs = graph.tensors[node.name].shape[0] // node.groups
            pinned[node.name] = PinnedFold(
                draw(st.integers(1, outputs)), draw(st.integers(1, channels))
            )
    return pinned


@settings(max_examples=60)
@given(graphs(), st.data())
def test_circuit_equals_golden_model(graph, data):
    choices = FoldChoices(data.draw(st.integers(1, 200)), pinned=pinned_folds(graph, data.draw))
    decided = plan(graph, choices)
    idle, stall = data.draw(st.sampled_from([(0, 0), (0.3, 0.3), (0, 0.6), (0.7, 0)]))
    got, expected, _ = run_network(graph, decided, frames_for(graph, 3, 1), idle, stall, 2)
    assert got == expected


@pytest.mark.slow
@settings(max_examples=25)
@given(graphs(layers=2, largest=9), st.integers(1, 100))
def test_frames_follow_each_other_at_the_planned_interval(graph, lanes):
    decided = plan(graph, FoldChoices(lanes))
    if decided.cycles < 100:
        # In a frame this short the pipelines' latencies are longer than the frame.
        return
    *_, intervals = run_network(graph, decided, frames_for(graph, 4, 3), 0, 0, 0)
    assert abs(intervals[-1] - decided.cycles) <= 0.02 * decided.cycles


@pytest.mark.slow
@settings(max_examples=1000)
@given(graphs(layers=5, largest=9), st.data())
def test_circuit_equals_golden_model_at_length(graph, data):
    test_circuit_equals_golden_model.hypothesis.inner_test(graph, data)


def residual_graph() -> Graph:
    """Two L1 layers beside a wire, as in AdderNet, on an image much taller than the windows."""
    rng = np.random.default_rng(5)
    one = np.ones((1, 4), np.int64)
    window = Window((3, 3), (1, 1), (1, 1, 1, 1))

    def l1(name: str, source: str) -> L1Matmul:
        weight = rng.integers(0, 256, (4, 4, 3, 3))
        return L1Matmul(name, (source,), weight, np.zeros(4, np.int64), window, 1)

    def requantise(name: str, source: str) -> Affine:
        bias = np.full(4, 5000)
        return Affine(name, (source,), 0 * one, one, bias, 5, 0, 255, 3)

    return Graph(
        (
            Input("input", (), (4, 20, 11), 8, 0, 255),
            l1("a", "input"),
            requantise("a.affine", "a"),
            l1("b", "a.affine"),
            requantise("b.affine", "b"),
            Concat("concat", ("b.affine", "input"), (0, 5)),
        ),
        "concat",
    )


def test_concatenation_regroups_its_branches_side_by_side():
    """A branch that needs three cycles a pixel for its lanes does so while the others pass."""
    rng = np.random.default_rng(2)

    def shift(name: str, outputs: int) -> ShiftMatmul:
        shape = (1, outputs, 3, 1, 1)
        exponent, sign = rng.integers(0, 3, shape), rng.choice([-1, 1], shape)
        bias = np.zeros(outputs, np.int64)
        return ShiftMatmul(name, ("input",), exponent, sign, 0, bias, Window(), 1)

    nodes = (
        Input("input", (), (3, 18, 9), 4, 0, 15),
        shift("a", 3),
        shift("b", 3),
        shift("c", 2),
        Concat("concat", ("a", "b", "c"), (0, 0, 0)),
    )
    graph = Graph(nodes, "concat")
    pinned = {"a": PinnedFold(3, 3), "b": PinnedFold(2, 3), "c": PinnedFold(2, 3)}
    decided = plan(graph, FoldChoices(pinned=pinned))
    assert decided.cycles == 3 * 18 * 9
    got, expected, intervals = run_network(graph, decided, frames_for(graph, 4, 0), 0, 0, 0)
    assert got == expected
    assert max(intervals) <= decided.cycles * 1.02


def test_branches_meet_without_a_stall():
    graph = residual_graph()
    decided = plan(graph, FoldChoices(64))
    got, expected, intervals = run_network(graph, decided, frames_for(graph, 4, 0), 0, 0, 0)
    assert got == expected
    assert max(intervals) <= decided.cycles * 1.02
