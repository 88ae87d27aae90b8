"""What holds a layer's weights: chosen by the user, by a goal, or by their depth; results alike."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from networks import frames_for
from test_fold_solver import shift
from test_network_rtl import run_network

from slipstick.build_folder import Fold as FoldRecord
from slipstick.errors import SlipstickError
from slipstick.estimate import candidates, estimate, total
from slipstick.estimate.candidates import Tables
from slipstick.estimate.network import parts_of, resources
from slipstick.estimate.solve import Budget, cheapest
from slipstick.fold import FoldChoices, PinnedFold, plan, plan_with, steps_of
from slipstick.graph import Graph, Input, L1Matmul, Pool, Window

ONE = Window()


def layer(kind: str, inputs: int = 40) -> Graph:
    image = Input("input", (), (inputs, 1, 3), 0, 0, 15)
    if kind == "shift":
        return Graph((image, shift("fc", "input", 2, inputs, ONE)), "fc")
    weight = np.random.default_rng(3).integers(0, 16, (2, inputs, 1, 1))
    return Graph((image, L1Matmul("fc", ("input",), weight, np.zeros(2, int), ONE, 1)), "fc")


@pytest.mark.parametrize("kind", ["shift", "l1"])
@pytest.mark.parametrize("rom", ["lut", "block", None])
def test_results_are_the_same(kind, rom):
    graph = layer(kind)
    decided = plan(graph, FoldChoices(pinned={"fc": PinnedFold(2, 1, 1, rom)}))
    (stage,) = decided.stages
    assert stage.fold.rom == rom
    parts = parts_of(graph, decided)
    assert all(resources(part).all_luts for part in parts.values())
    assert parts["fc"]._lanes._style == rom
    got, expected, _ = run_network(graph, decided, frames_for(graph, 3, 1), 0.2, 0.2, 1)
    assert got == expected


def cost(graph: Graph, rom: str | None) -> tuple[int, int]:
    decided = plan(graph, FoldChoices(pinned={"fc": PinnedFold(2, 1, 1, rom)}))
    found = total(estimate(graph, decided))
    return found.all_luts, round(2 * found.bram36)


@pytest.mark.parametrize(
    ("inputs", "usual", "other"), [(64, "lut", "block"), (200, "block", "lut")]
)
def test_goal_chooses_between_luts_and_block_ram(inputs, usual, other):
    graph = layer("shift", inputs)
    assert cost(graph, None) == cost(graph, usual)
    in_luts, in_blocks = cost(graph, "lut"), cost(graph, "block")
    assert in_luts[0] > in_blocks[0]
    assert in_luts[1] < in_blocks[1]
    tables = Tables(graph, {"fc": PinnedFold(2, 1, 1)})
    for budget, rom in ((in_blocks[1], "block"), (in_blocks[1] - 1, "lut")):
        found = cheapest(tables, 10**6, Budget(10**6, budget))
        assert found.folds["fc"].rom == (None if rom == usual else other)
        assert (found.luts, found.bram18) == (in_blocks if rom == "block" else in_luts)
        decided = plan_with(graph, found.folds)
        assert total(estimate(graph, decided)).all_luts == found.luts


def test_nothing_is_cheaper_with_any_choice():
    graph = layer("shift", 48)
    tables = Tables(graph, {})
    (table,) = tables.stages
    circuits = []
    for fold in table.cycles:
        # What has fewer steps hardly takes LUTs: block RAM is not offered.
        few = steps_of(table.shape, fold) < candidates.FEWEST_ROWS
        for rom in (None,) if few else ("lut", "block"):
            decided = plan_with(graph, {"fc": replace(fold, rom=rom)})
            found = total(estimate(graph, decided))
            circuits.append((decided.cycles, found.all_luts, round(2 * found.bram36)))
    assert len(circuits) > len(table.cycles)
    for interval, blocks in product(sorted({cycles for cycles, _, _ in circuits}), (0, 2, 100)):
        fitting = [luts for cycles, luts, b in circuits if cycles <= interval and b <= blocks]
        found = cheapest(tables, interval, Budget(10**6, blocks))
        assert (found.luts if found else None) == min(fitting, default=None)


def test_layer_without_weights_refuses_a_rom():
    image = Input("input", (), (2, 4, 4), 0, 0, 15)
    graph = Graph((image, Pool("pool", ("input",), "max", Window((2, 2), (2, 2)))), "pool")
    with pytest.raises(SlipstickError, match="'pool': has no weights that a ROM could hold"):
        plan(graph, FoldChoices(pinned={"pool": PinnedFold(rom="lut")}))


def test_record_of_a_fold_names_what_was_chosen():
    assert FoldRecord(P=1, S=2, Q=3).model_dump() == {"P": 1, "S": 2, "Q": 3}
    chosen = FoldRecord(P=1, S=2, Q=3, rom="lut")
    assert FoldRecord.model_validate(chosen.model_dump()) == chosen
    assert chosen.model_dump_json() == '{"P":1,"S":2,"Q":3,"rom":"lut"}'
