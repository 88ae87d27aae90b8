"""The drawn network: rows, passes beside them, cuts, and boxes that do not overlap."""

from itertools import combinations

import numpy as np
import pytest
from synthetic_build import Names, make_graph, write_build

from slipstick.build_folder import read_manifest
from slipstick.graph import Graph, Input, L1Matmul, Pool, ShiftMatmul, Window
from slipstick.report.network import draw
from slipstick.report.stage_graph import INPUT, Pass, Rows, arrange
from slipstick.report.weights import histogram, histograms


def chain(count: int) -> Rows:
    """``count`` stages in a row."""
    rows = tuple((number,) for number in range(INPUT, count))
    return Rows(rows, tuple((number, number + 1) for number in range(INPUT, count - 1)))


def test_residual_block(tmp_path):
    rows = arrange(read_manifest(write_build(tmp_path / "b")), make_graph(Names()))
    skip = [Pass(0, 3, row) for row in (2, 3)]
    assert rows.rows == ((INPUT,), (0,), (1, skip[0]), (2, skip[1]), (3,), (4,), (5,))
    assert rows.readers[0] == (1, skip[0])
    assert rows.readers[skip[1]] == (3,)
    assert rows.most_passes == 1


@pytest.mark.parametrize(("count", "sizes"), [(2, [3]), (7, [4, 4]), (31, [8, 8, 8, 8])])
def test_long_networks_are_cut_evenly(count, sizes):
    assert [len(piece.boxes) for piece in draw(chain(count))] == sizes


def test_no_cut_beside_a_passing_edge():
    skip = [Pass(INPUT, 9, row) for row in range(1, 10)]
    plain = chain(10)
    rows = (plain.rows[0], *((row[0], p) for row, p in zip(plain.rows[1:], skip, strict=False)),
            plain.rows[-1])  # fmt: skip
    links = (*plain.links, *zip([INPUT, *skip], [*skip, 9], strict=True))
    assert len(draw(Rows(rows, links))) == 1


def test_four_branches_fit_side_by_side():
    rows = Rows(((INPUT,), (0, 1, 2, 3), (4,)),
                (*((INPUT, n) for n in range(4)), *((n, 4) for n in range(4))))  # fmt: skip
    (piece,) = draw(rows)
    assert len(piece.boxes) == 6
    assert len(piece.wires) == 8
    for box in piece.boxes:
        assert box.x >= 0
        assert box.x + box.width <= piece.width
    for a, b in combinations(piece.boxes, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x
        assert apart or a.y + a.height <= b.y or b.y + b.height <= a.y


def test_shift_histogram_counts_terms_by_exponent_and_sign():
    exponent = np.array([0, 0, 2, 2, 2, 1]).reshape(1, 6, 1, 1, 1)
    sign = np.array([1, -1, 1, 1, -1, 0]).reshape(1, 6, 1, 1, 1)
    node = ShiftMatmul("s", ("input",), exponent, sign, 3, np.zeros(6, int), Window(), 1)
    graph = Graph((Input("input", (), (1, 1, 1), 0, 0, 7), node), "s")
    picture = histogram(node, graph)
    assert [(bar.label, bar.up, bar.down) for bar in picture.bars] == [
        ("2⁻³", 1, 1),
        ("2⁻²", 0, 0),
        ("2⁻¹", 2, 1),
    ]
    assert "6 weights, 16.7 % of them zero, 0.83 shifted terms a weight" in picture.note


def test_all_zero_weights_have_a_picture():
    zeros = np.zeros((1, 1, 1, 1, 1), int)
    node = ShiftMatmul("s", ("input",), zeros, zeros, 0, np.zeros(1, int), Window(), 1)
    graph = Graph((Input("input", (), (1, 1, 1), 0, 0, 7), node), "s")
    assert histogram(node, graph).highest == 1


def test_l1_histogram_counts_every_weight_and_those_at_an_end():
    weight = np.array([0, 0, 7, 3, 9]).reshape(5, 1, 1, 1)
    node = L1Matmul("a", ("input",), weight, np.zeros(5, int), Window(), 1)
    graph = Graph((Input("input", (), (1, 1, 1), 0, 0, 7), node), "a")
    picture = histogram(node, graph)
    assert sum(bar.up for bar in picture.bars) == 5
    assert "80.0 % of them at an end of the input's range 0…7" in picture.note


def test_only_weights_have_a_picture():
    graph = make_graph(Names())
    assert [p.name for p in histograms(graph)] == ["conv1", "block.conv1", "block.conv2", "fc"]
    pool = next(node for node in graph.nodes if isinstance(node, Pool))
    assert histogram(pool, graph) is None
