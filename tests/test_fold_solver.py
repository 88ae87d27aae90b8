"""Folds for a goal: the best there are by trying all, and what is said where nothing does."""

from itertools import product

import numpy as np
import pytest

from slipstick.errors import SlipstickError
from slipstick.estimate import Goal, best_folds, estimate, total
from slipstick.estimate.candidates import Tables
from slipstick.estimate.solve import Budget, cheapest, fastest
from slipstick.fold import Fold, FoldChoices, PinnedFold, even_sizes, plan, plan_with
from slipstick.graph import Graph, Window
from slipstick.graph.nodes import Add, Affine, Flatten, Input, Pool, ShiftMatmul

ONE = Window()
SAME = Window((1, 3), (1, 1), (0, 0, 1, 1))
PLENTY = Budget(10**6, 1000)


def shift(name: str, source: str, outputs: int, inputs: int, window: Window) -> ShiftMatmul:
    rng = np.random.default_rng(len(name))
    shape = (1, outputs, inputs, *window.kernel)
    exponent, sign = rng.integers(0, 4, shape), rng.choice([-1, 1], shape)
    return ShiftMatmul(name, (source,), exponent, sign, 0, np.zeros(outputs, int), window, 1)


def requantised(name: str, source: str, channels: int) -> Affine:
    one = np.ones((1, channels), np.int64)
    return Affine(name, (source,), 0 * one, one, np.zeros(channels, int), 4, 0, 15, 0)


def chain() -> Graph:
    nodes = (
        Input("input", (), (2, 5, 6), 4, 0, 15),
        shift("a", "input", 4, 2, SAME),
        requantised("a.affine", "a", 4),
        shift("b", "a.affine", 2, 4, ONE),
        requantised("b.affine", "b", 2),
        Pool("pool", ("b.affine",), "max", Window((5, 6))),
        Flatten("flat", ("pool",)),
        shift("c", "flat", 3, 2, ONE),
    )
    return Graph(nodes, "c")


def residual() -> Graph:
    nodes = (
        Input("input", (), (2, 6, 6), 4, 0, 15),
        shift("a", "input", 4, 2, ONE),
        requantised("a.affine", "a", 4),
        shift("b", "a.affine", 4, 4, SAME),
        requantised("b.affine", "b", 4),
        Add("sum", ("a.affine", "b.affine"), (0, 0)),
        shift("c", "sum", 2, 4, ONE),
    )
    return Graph(nodes, "c")


def all_circuits(graph: Graph):
    """Cycles, LUTs and halves of block RAMs of every choice of legal folds."""
    engines = [table for table in Tables(graph, {}).stages if table.cycles]
    for folds in product(*(table.cycles for table in engines)):
        names = (table.nodes.instance for table in engines)
        decided = plan_with(graph, dict(zip(names, folds, strict=True)))
        found = total(estimate(graph, decided))
        yield decided.cycles, found.all_luts, round(2 * found.bram36)


@pytest.fixture(scope="module")
def circuits() -> list[tuple[int, int, int]]:
    return list(all_circuits(small_chain()))


def small_chain() -> Graph:
    nodes = (
        Input("input", (), (2, 5, 6), 4, 0, 15),
        shift("a", "input", 4, 2, SAME),
        requantised("a.affine", "a", 4),
        shift("b", "a.affine", 2, 4, ONE),
    )
    return Graph(nodes, "b")


def test_nothing_is_cheaper_at_any_interval(circuits):
    tables = Tables(small_chain(), {})
    for interval in sorted({cycles for cycles, _, _ in circuits}):
        fewest = min(luts for cycles, luts, _ in circuits if cycles <= interval)
        found = cheapest(tables, interval, PLENTY)
        assert (found.luts, found.interval <= interval) == (fewest, True)
    assert cheapest(tables, min(cycles for cycles, _, _ in circuits) - 1, PLENTY) is None


def test_nothing_is_faster_within_any_budget(circuits):
    tables = Tables(small_chain(), {})
    cheapest_of_all = min(luts for _, luts, _ in circuits)
    assert fastest(tables, Budget(cheapest_of_all - 1, 1000)) is None
    for luts in np.linspace(cheapest_of_all, max(luts for _, luts, _ in circuits), 9).astype(int):
        shortest = min(cycles for cycles, needed, _ in circuits if needed <= luts)
        found = fastest(tables, Budget(int(luts), 1000))
        assert found.interval == shortest
        assert found.luts <= luts


@pytest.mark.parametrize("graph", [chain(), residual()])
def test_more_budget_is_never_slower_and_the_estimate_is_the_circuits(graph):
    tables = Tables(graph, {})
    intervals = []
    least, most = (cheapest(tables, interval, PLENTY).luts for interval in (10**6, 36))
    for luts in np.linspace(least, most, 6).astype(int).tolist():
        found = fastest(tables, Budget(luts, 100))
        intervals.append(found.interval)
        decided = plan_with(graph, found.folds)
        whole = total(estimate(graph, decided))
        assert decided.cycles == found.interval
        assert (whole.all_luts, round(2 * whole.bram36)) == (found.luts, found.bram18)
        assert found.luts <= luts
    assert intervals == sorted(intervals, reverse=True)
    assert intervals[-1] < intervals[0]


def test_same_input_same_answer_and_pins_hold():
    pinned = {"b": PinnedFold(outputs=1)}
    first, second = (fastest(Tables(chain(), pinned), Budget(3000, 10)) for _ in range(2))
    assert first == second
    assert first.folds["b"].outputs == 1


def goal(**wanted) -> Goal:
    return Goal(
        **{"interval": None, "luts": 2000, "bram18": 100, "board": "zc706"} | wanted, clock_mhz=200
    )


def test_goal_that_cannot_be_met_is_refused_with_the_best():
    best = best_folds(chain(), goal(), {})
    assert best_folds(chain(), goal(interval=best.interval), {}).interval == best.interval
    rate = f"{int(200e6 / best.interval):,}"
    with pytest.raises(SlipstickError, match=f"do not fit 2,000 LUTs .* best is {rate} frames/s"):
        best_folds(chain(), goal(interval=best.interval - 1), {})
    with pytest.raises(SlipstickError, match="Network: does not fit 10 LUTs"):
        best_folds(chain(), goal(luts=10), {})


def test_sizes_between_divisors_fill_gaps_alone():
    assert even_sizes(10) == [1, 2, 3, 4, 5, 10]
    assert even_sizes(7) == [1, 2, 3, 4, 7]
    assert even_sizes(64) == [1, 2, 4, 8, 16, 32, 64]
    assert even_sizes(1) == [1]


def test_lanes_that_do_not_divide_the_channels_are_found_where_they_win():
    image = Input("input", (), (40, 1, 1), 4, 0, 15)
    graph = Graph((image, shift("fc", "input", 10, 40, ONE)), "fc")
    tables = Tables(graph, {"fc": PinnedFold(inputs=4)})
    for interval, outputs in ((20, 5), (30, 4), (40, 3), (50, 2)):
        found = cheapest(tables, interval, PLENTY)
        assert (found.folds["fc"].outputs, found.interval) == (outputs, interval)
        whole = total(estimate(graph, plan_with(graph, found.folds)))
        assert whole.all_luts == found.luts


def test_neither_the_hardwired_layer_nor_fewer_taps_are_cheaper_than_what_is_found():
    image = Input("input", (), (4, 8, 8), 4, 0, 15)
    graph = Graph((image, shift("conv", "input", 4, 4, SAME)), "conv")
    found = cheapest(Tables(graph, {}), 3 * 64, PLENTY)
    for taps in (1, 3):
        whole = total(estimate(graph, plan_with(graph, {"conv": Fold(4, 4, taps)})))
        assert found.luts <= whole.all_luts


def test_lanes_still_share_out_lanes():
    decided = plan(chain(), FoldChoices(lanes=20))
    assert sum(stage.fold.lanes for stage in decided.stages if stage.fold) <= 20
