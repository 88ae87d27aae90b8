"""Which points an exploration keeps, and which circuits it makes; nothing is built here."""

import dataclasses
import json

import numpy as np
import pytest
from command_line import refused

from slipstick.boards import board
from slipstick.config import Config, QuantiseOptions
from slipstick.errors import SlipstickError
from slipstick.explore.energy import energy_nanojoules, work
from slipstick.explore.front import front
from slipstick.explore.page import write_page
from slipstick.explore.plan import Inputs, Sweep, circuits
from slipstick.explore.steps import Step, perform
from slipstick.graph import Graph, Input, ShiftMatmul, Window
from slipstick.zoo.counts import Work


def point(fps, lut, accuracy, energy, flaw=None):
    return {
        "clock_mhz": 200,
        "frames_per_second": fps,
        "lut": lut,
        "integer_accuracy": accuracy,
        "energy_nanojoules": energy,
        "flaw": flaw,
    }


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(10, 5, 0.9, 1), point(9, 6, 0.9, 1)], [0]),
        ([point(10, 5, 0.9, 1), point(9, 4, 0.9, 1)], [0, 1]),
        ([point(10, 5, 0.9, 1, flaw="too large"), point(9, 6, 0.8, 2)], [1]),
        ([point(10, 5, None, 1), point(10, 6, None, 1)], [0]),
        ([point(10, 5, 0.9, 1), point(10, 5, 0.9, 1)], [0, 1]),
        ([point(10, 5, 0.9, 1), point(10, 5, 0.9, 2), point(10, 5, 0.95, 3)], [0, 2]),
        ([point(None, None, None, None, flaw="refused")], []),
    ],
)
def test_a_point_stays_unless_another_is_nowhere_worse_and_somewhere_better(points, expected):
    assert front(points) == expected


@pytest.fixture
def inputs(tmp_path):
    for name in ("model.pt2", "calibrate.npz"):
        (tmp_path / name).write_bytes(name.encode())
    calibrate = tmp_path / "calibrate.npz"
    return Inputs(tmp_path / "model.pt2", board("zc706"), Config(), calibrate, None)


def test_every_combination_is_a_circuit(inputs):
    found = circuits(Sweep(activation_bits=(4, 8), lanes=(64, 32)), inputs)
    chosen = [(c.config.quantise.activation_bits, c.config.fold.lanes) for c in found]
    assert chosen == [(4, 64), (4, 32), (8, 64), (8, 32)]
    assert len({circuit.key for circuit in found}) == 4
    assert circuits(Sweep(), inputs)[0].choices == {}


def test_a_key_is_of_all_that_a_circuit_depends_on(inputs):
    (before,) = circuits(Sweep(), inputs)
    assert circuits(Sweep(clocks_mhz=(100, 200)), inputs)[0].key == before.key
    config = Config(quantise=QuantiseOptions(output_bits=12))
    others = [
        dataclasses.replace(inputs, board=board("zedboard")),
        dataclasses.replace(inputs, config=config),
        dataclasses.replace(inputs, evaluate=inputs.calibrate),
    ]
    keys = {before.key, *(circuits(Sweep(), other)[0].key for other in others)}
    inputs.model.write_bytes(b"retrained")
    assert len(keys | {circuits(Sweep(), inputs)[0].key}) == 5


def test_a_swept_fold_replaces_that_of_the_configuration(inputs):
    config = Config.model_validate({"fold": {"interval": 100}})
    (found,) = circuits(Sweep(lanes=(8,)), dataclasses.replace(inputs, config=config))
    assert (found.config.fold.lanes, found.config.fold.interval) == (8, None)


@pytest.mark.parametrize(
    ("sweep", "option"),
    [
        (Sweep(activation_bits=(40,)), "--bits"),
        (Sweep(bn_terms=(5,)), "--bn-terms"),
        (Sweep(lanes=(1,), interval=(1,)), "--lanes"),
    ],
)
def test_values_that_are_not_allowed_are_refused(inputs, sweep, option):
    with pytest.raises(SlipstickError, match=option):
        circuits(sweep, inputs)


def small_graph():
    exponent = np.array([[[[[0]], [[1]]]], [[[[2]], [[0]]]]])
    sign = np.array([[[[[1]], [[-1]]]], [[[[1]], [[0]]]]])
    source = Input("image", (), (2, 3, 3), 0, 0, 255)
    bias = np.zeros(1, np.int64)
    layer = ShiftMatmul("conv", ("image",), exponent, sign, 0, bias, Window(), 1)
    return Graph((source, layer), "conv"), layer


def test_only_terms_that_are_not_zero_cost_energy():
    graph, layer = small_graph()
    assert work(layer, graph) == Work(additions=27, shifts=27)
    # 27 additions of 0.1 pJ and shifts of 0.025 pJ.
    assert energy_nanojoules(graph) == 0.003


def test_a_step_that_is_done_or_has_nothing_to_stand_on_is_not_done(tmp_path):
    step = Step("synth", str(tmp_path), {})
    assert perform(step, {"thing": "a"}) == {"thing": "a"}
    assert not step.is_done
    (tmp_path / "synthesis.json").write_text("{}")
    assert perform(step) is None


def test_a_simulation_of_other_frames_is_another(tmp_path):
    (tmp_path / "simulation.json").write_text(json.dumps({"frames": 2}))
    assert Step("simulate", str(tmp_path), {"frames": 2}).is_done
    assert not Step("simulate", str(tmp_path), {"frames": 3}).is_done


def test_the_page_escapes_names_and_loads_nothing(tmp_path):
    points = [
        {**point(10, 5, 0.9, 1), "ff": 1, "bram36": 0.5, "path_ps": 1},
        {**point(None, None, None, None, "<b>"), "ff": None, "bram36": None, "path_ps": None},
    ]
    document = {"model": "<i>", "board": "b", "part": "p", "points": points, "front": [0]}
    write_page(tmp_path, document)
    page = (tmp_path / "explore.html").read_text(encoding="utf-8")
    assert "<i>" not in page
    assert "<b>" not in page
    assert "http" not in page
    assert page.count('class="dot front"') == 3
    assert page.count('<tr class="front">') == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--bits", "4,x"],
        ["--bits", "0"],
        ["--clock", "nan"],
        ["--board", "zc707"],
        ["--calibrate", "none.npz"],
        ["--scheduler", "tcp://localhost:1", "--cluster", "lsf"],
    ],
)
def test_wrong_options_are_refused_before_anything_starts(cli, tmp_path, model, images, wrong):
    given = ["--calibrate", images] if "--calibrate" not in wrong else []
    refused(cli, tmp_path, "explore", model, "-o", tmp_path / "out", *given, *wrong)
