"""Depths of FIFOs with which a circuit can stand still are refused, and no others."""

import dataclasses

import numpy as np
import pytest
from networks import frames_for
from test_fold_solver import residual, shift
from test_network_rtl import run_network

from slipstick.fold import FoldChoices, PinnedFold, Plan, check_flow, plan
from slipstick.graph import Concat, Gate, Graph, Input, Window


def with_depth(decided: Plan, depth: int) -> Plan:
    """``decided`` with another FIFO in the short branch."""
    a, b, joined, *rest = decided.stages
    joined = dataclasses.replace(joined, fifos=(depth, joined.fifos[1]))
    return dataclasses.replace(decided, stages=(a, b, joined, *rest))


def is_refused(graph: Graph, decided: Plan) -> bool:
    try:
        check_flow(graph, decided.stages, decided.layouts)
    except RuntimeError:
        return True
    return False


def least_depth(graph: Graph, decided: Plan) -> int:
    depth = decided.stages[2].fifos[0]
    while not is_refused(graph, with_depth(decided, depth - 1)):
        depth -= 1
    return depth


def concatenation() -> Graph:
    """`residual` with its branches side by side instead of added."""
    *nodes, _, _ = residual().nodes
    both = Concat("sum", ("a.affine", "b.affine"), (0, 0))
    return Graph((*nodes, both, shift("c", "sum", 2, 8, Window())), "c")


@pytest.mark.parametrize("build", [residual, concatenation])
def test_least_depth_is_enough_and_half_of_it_is_not(build):
    graph = build()
    decided = plan(graph, FoldChoices(300))
    depth, planned = least_depth(graph, decided), decided.stages[2].fifos[0]
    assert 2 < depth < planned
    frames = frames_for(graph, 2, 0)
    for idle, stall in ((0, 0), (0.2, 0.5)):
        got, expected, _ = run_network(graph, with_depth(decided, depth), frames, idle, stall, 1)
        assert got == expected
    # Results that wait in an engine, and a beat in a fork, are not counted.
    with pytest.raises(AssertionError, match="stuck after"):
        run_network(graph, with_depth(decided, depth // 2), frames, 0, 0, 1, 1_000)


def test_a_beat_may_be_wider_than_the_fifo_behind_its_regrouping():
    image = Input("input", (), (5, 2, 1), 0, 0, 15)
    logits = shift("logits", "input", 5, 5, Window((2, 1), (2, 1), (0, 0, 0, 0)))
    graph = Graph((image, logits, Gate("gate", ("input", "logits"), np.array([12]))), "gate")
    decided = plan(graph, FoldChoices(1, pinned={"logits": PinnedFold(5, 1)}))
    gate = decided.stages[-1]
    assert decided.layouts["logits"].lanes == 5
    assert gate.input_layouts[1].lanes == 1
    assert gate.fifos[1] < 5
    for idle, stall in ((0, 0), (0.2, 0.5)):
        got, expected, _ = run_network(graph, decided, frames_for(graph, 3, 0), idle, stall, 1)
        assert got == expected


def test_refusal_names_the_depths():
    decided = plan(residual(), FoldChoices(30))
    stuck = with_depth(decided, 1)
    with pytest.raises(RuntimeError, match=r"FIFOs must be deeper than \{'sum': \(1, \d+\)\}"):
        check_flow(residual(), stuck.stages, stuck.layouts)
