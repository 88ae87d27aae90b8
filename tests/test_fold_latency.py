"""The latency of a circuit, and folds of the least: simulated, and compared with all legal ones."""

from itertools import product

import numpy as np
import pytest
from amaranth.sim import Simulator
from network_feed import feed
from networks import frames_for
from test_fold_flattened_input import perceptron
from test_fold_solver import chain, residual, small_chain
from test_network_rtl import residual_graph, to_integers

from slipstick.elaborate import Network
from slipstick.errors import SlipstickError
from slipstick.estimate import Goal, best_folds, candidates
from slipstick.estimate.candidates import Tables
from slipstick.estimate.latency import latency
from slipstick.estimate.network import Resources, parts_of, resources, total
from slipstick.estimate.quickest import quickest
from slipstick.estimate.solve import Budget
from slipstick.fold import FoldChoices, PinnedFold, Plan, plan, plan_with
from slipstick.graph import Graph

PLENTY = 10**6


def simulated(graph: Graph, decided: Plan) -> int:
    """Cycles from a frame's first beat in to its last beat out."""
    network = Network(graph, decided)
    sent = to_integers(graph, decided, graph.input.name, frames_for(graph, 1, 0))
    ends: list[int] = []

    async def send(ctx):
        await feed(ctx, network, sent)

    async def watch(ctx):
        ctx.set(network.o_ready, 1)
        cycle = 0
        while not ends:
            cycle += 1
            assert cycle < 100_000
            if ctx.get(network.o_valid) and ctx.get(network.o_last):
                ends.append(cycle)
            await ctx.tick()

    simulator = Simulator(network)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    return ends[0]


def expected(graph: Graph, decided: Plan) -> tuple[int, Resources]:
    parts = parts_of(graph, decided)
    taken = total({name: resources(part) for name, part in parts.items()})
    return latency(graph, decided, parts), taken


@pytest.mark.parametrize("graph", [chain(), residual(), residual_graph()])
@pytest.mark.parametrize("lanes", [30, 400])
def test_estimated_latency_is_the_simulated_one(graph, lanes):
    decided = plan(graph, FoldChoices(lanes))
    measured = simulated(graph, decided)
    assert abs(expected(graph, decided)[0] - measured) < max(6, 0.03 * measured)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fold", [(8, 1), (8, 8), (3, 5), (8, 24)])
def test_estimated_latency_of_vectors_is_the_simulated_one(channels, fold):
    graph = perceptron(channels)
    decided = plan(graph, FoldChoices(pinned={"fc": PinnedFold(*fold)}))
    assert 0 <= expected(graph, decided)[0] - simulated(graph, decided) < 6


def all_circuits(graph: Graph) -> list[tuple[int, int, int, int]]:
    """Latency, LUTs, halves of block RAMs and cycles of every choice of legal folds."""
    engines = [table for table in Tables(graph, {}).stages if table.cycles]
    found = []
    for folds in product(*(table.cycles for table in engines)):
        names = (table.nodes.instance for table in engines)
        decided = plan_with(graph, dict(zip(names, folds, strict=True)))
        cycles, taken = expected(graph, decided)
        found.append((cycles, taken.all_luts, round(2 * taken.bram36), decided.cycles))
    return found


@pytest.mark.parametrize("graph", [small_chain(), perceptron(1)], ids=["rows", "vectors"])
def test_nothing_is_earlier_within_any_budget_at_any_interval(graph, monkeypatch):
    monkeypatch.setattr(candidates, "SPLITS", 1000)
    for limit in ("KEPT", "COMPARED"):
        monkeypatch.setattr(f"slipstick.estimate.quickest.{limit}", 1000)
    circuits = all_circuits(graph)
    tables = Tables(graph, {})
    costs = [luts for _, luts, _, _ in circuits]
    slow, quick = (pick([cycles for *_, cycles in circuits]) for pick in (np.median, min))
    for interval in (None, int(slow), int(quick)):
        latencies = []
        for luts in np.linspace(min(costs), max(costs), 5).astype(int).tolist():
            fitting = [c for c in circuits if c[1] <= luts and c[3] <= (interval or PLENTY)]
            found = quickest(tables, interval, Budget(luts, 100))
            assert (found is None) == (not fitting)
            if found is None:
                continue
            assert found.is_best
            decided = plan_with(graph, found.folds)
            cycles, taken = expected(graph, decided)
            assert (cycles, found.luts, found.bram18) == min(c[:3] for c in fitting)
            assert (taken.all_luts, decided.cycles) == (found.luts, found.interval)
            latencies.append(cycles)
        assert latencies == sorted(latencies, reverse=True)


@pytest.mark.parametrize("kept", [1, 4])
def test_more_budget_is_never_later_even_where_little_is_kept(kept, monkeypatch):
    monkeypatch.setattr("slipstick.estimate.quickest.KEPT", kept)
    graph = residual()
    tables = Tables(graph, {})
    latencies = []
    for luts in range(300, 1000, 25):
        found = quickest(tables, None, Budget(luts, 100))
        if found is None:
            assert not latencies
            continue
        cycles, taken = expected(graph, plan_with(graph, found.folds))
        assert taken.all_luts <= found.luts <= luts
        latencies.append(cycles)
    assert latencies == sorted(latencies, reverse=True)
    assert len({*latencies}) > 3


def test_goal_of_least_latency_keeps_the_interval_or_is_refused():
    def goal(interval: int | None, luts: int = 2000) -> Goal:
        return Goal(interval, luts, 100, "zc706", 200, least_latency=True)

    free, bound = (best_folds(chain(), goal(interval), {}) for interval in (None, 60))
    assert bound.interval <= 60
    plans = [plan_with(chain(), found.folds) for found in (free, bound)]
    assert expected(chain(), plans[0])[0] <= expected(chain(), plans[1])[0]
    with pytest.raises(SlipstickError, match="does not fit 10 LUTs"):
        best_folds(chain(), goal(None, 10), {})
    with pytest.raises(SlipstickError, match="more than the clock's frames/s do not fit"):
        best_folds(chain(), goal(0), {})


def test_same_input_same_answer():
    first, second = (quickest(Tables(chain(), {}), None, Budget(1500, 10)) for _ in range(2))
    assert first == second
