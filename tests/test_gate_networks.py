"""Networks with gates: the circuit is the golden model, at the interval that was planned."""

import numpy as np
import pytest
import torch
from networks import frames_for
from test_network_rtl import run_network
from torch import nn

import slipstick
from slipstick.config import Config
from slipstick.fold import FoldChoices, Plan, plan
from slipstick.frontend import export_module, import_program
from slipstick.graph import (
    Add,
    Affine,
    Concat,
    Gate,
    Graph,
    Input,
    Pool,
    ShiftMatmul,
    Window,
    run,
)
from slipstick.graph.infer import gate_shifts
from slipstick.nn import GatedExcitation, ShiftConv2d, ShiftLinear, SparseShift
from slipstick.quantise import quantise
from slipstick.zoo import build, count

SAME = Window((3, 3), (1, 1), (1, 1, 1, 1))


class Drawing:
    """An integer graph under construction, its weights and thresholds random."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.random = np.random.default_rng(3)
        self.shapes = {"input": shape}
        self.nodes = [Input("input", (), shape, 4, 0, 255)]

    def layer(
        self, name: str, source: str, outputs: int, window: Window = SAME, shift: int = 4
    ) -> str:
        """A shift layer and its requantisation to eight bits."""
        inputs, height, width = self.shapes[source]
        shape = (1, outputs, inputs, *window.kernel)
        exponent = self.random.integers(0, 3, shape)
        sign = self.random.choice([-1, 1], shape)
        bias = self.random.integers(-200, 200, outputs)
        self.shapes[name] = (outputs, *window.output_size(height, width))
        self.nodes.append(ShiftMatmul(name, (source,), exponent, sign, 2, bias, window, 1))
        return self.rounded(name, shift)

    def rounded(self, source: str, shift: int) -> str:
        one = np.ones((1, self.shapes[source][0]), np.int64)
        name = f"{source}.affine"
        self.shapes[name] = self.shapes[source]
        bias = np.zeros(one.shape[1], np.int64)
        self.nodes.append(Affine(name, (source,), 0 * one, one, bias, shift, -128, 127, 3))
        return name

    def gate(self, name: str, source: str, hidden: int) -> str:
        """Squeeze and excitation of ``source``."""
        channels, height, width = self.shapes[source]
        whole = Window((height, width), (height, width))
        self.shapes[f"{name}.mean"] = (channels, 1, 1)
        self.nodes.append(Pool(f"{name}.mean", (source,), "sum", whole))
        pooled = self.rounded(f"{name}.mean", 3)
        inside = self.layer(f"{name}.fc1", pooled, hidden, Window(), 2)
        logits = self.layer(f"{name}.fc2", inside, channels, Window(), 2)
        self.shapes[name] = self.shapes[source]
        self.nodes.append(Gate(name, (source, logits), self.thresholds(logits)))
        return self.rounded(name, 7)

    def thresholds(self, logits: str) -> np.ndarray:
        """Seven that share out the logits of some frames evenly."""
        graph = Graph(tuple(self.nodes), logits)
        values = run(graph, torch.from_numpy(lit(graph, 16)))[logits]
        return np.quantile(values, np.linspace(0.9, 0.1, 7)).astype(np.int64)

    def join(self, kind: type, name: str, *sources: str) -> str:
        self.shapes[name] = self.shapes[sources[0]]
        self.nodes.append(kind(name, sources, (0,) * len(sources)))
        return name

    def end(self) -> tuple[Graph, Plan]:
        graph = Graph(tuple(self.nodes), self.nodes[-1].name)
        return graph, plan(graph, FoldChoices(60))


def one_gate() -> Drawing:
    drawing = Drawing((3, 6, 5))
    drawing.gate("gate", drawing.layer("conv", "input", 5), 3)
    return drawing


def gates_in_series() -> Drawing:
    """Both beside the input they start from: it waits until the second gate is known.

    The image is so large that the input's second frame on the way matters.
    """
    drawing = Drawing((3, 12, 12))
    first = drawing.gate("first", drawing.layer("a", "input", 5, Window()), 2)
    second = drawing.gate("second", drawing.layer("b", first, 3), 7)
    drawing.join(Add, "sum", "input", second)
    return drawing


def gate_beside_a_residual() -> Drawing:
    """The gated branch is added to what it is made of, and joined with what came before."""
    drawing = Drawing((7, 6, 4))
    gated = drawing.gate("gate", drawing.layer("a", "input", 7, Window()), 4)
    total = drawing.join(Add, "sum", "input", drawing.layer("b", gated, 7, Window()))
    drawing.join(Concat, "both", drawing.rounded(total, 1), "input")
    return drawing


def gate_from_elsewhere() -> Drawing:
    """The logits are known long before the image has come through its layers."""
    drawing = Drawing((2, 7, 5))
    image = "input"
    for name in "abc":
        image = drawing.layer(name, image, 2)
    drawing.shapes |= {"least": (2, 1, 1), "late": (2, 7, 5)}
    drawing.nodes += [
        Pool("least", ("input",), "sum", Window((7, 5), (7, 5))),
        Gate("late", (image, "least"), np.array([5000, 3000, 1500, 700])),
    ]
    return drawing


NETWORKS = [one_gate, gates_in_series, gate_beside_a_residual, gate_from_elsewhere]
each_network = pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)


def lit(graph: Graph, count: int) -> np.ndarray:
    """Frames of different brightness, so that they are gated differently."""
    brightness = np.linspace(0, 1, count)[:, None, None, None]
    return (frames_for(graph, count, 0) * brightness).astype(np.int64)


@each_network
def test_frames_follow_each_other_at_the_planned_interval(make):
    graph, decided = make().end()
    frames = lit(graph, 5)
    values = run(graph, torch.from_numpy(frames))
    for node in graph.nodes:
        if isinstance(node, Gate):
            shifts = gate_shifts(node, values[node.inputs[1]]).flatten(1)
            assert len(shifts.unique(dim=0)) > 1
    got, expected, intervals = run_network(graph, decided, frames, 0, 0, 0)
    assert got == expected
    assert max(intervals) <= decided.cycles * 1.02


@each_network
def test_any_traffic_gives_the_same_beats(make):
    graph, decided = make().end()
    got, expected, _ = run_network(graph, decided, lit(graph, 3), 0.3, 0.4, 4)
    assert got == expected


@pytest.mark.slow
@pytest.mark.parametrize(("idle", "stall"), [(0, 0.9), (0.9, 0), (0.6, 0.6)])
@each_network
def test_any_traffic_gives_the_same_beats_at_length(make, idle, stall):
    graph, decided = make().end()
    got, expected, _ = run_network(graph, decided, lit(graph, 12), idle, stall, 5)
    assert got == expected


def test_a_single_image_passes():
    graph, decided = one_gate().end()
    got, expected, _ = run_network(graph, decided, lit(graph, 2)[1:], 0, 0, 0)
    assert got == expected


def small_fenet(**options) -> nn.Module:
    """Units with and without residual, whose displacements and gates differ."""
    torch.manual_seed(0)
    rows = [(2, 5, 1, 1), (2, 7, 2, 2)]
    model = build("fenet", classes=3, rows=rows, stem=5, head=8, **options)
    for layer in model.modules():
        if isinstance(layer, SparseShift):
            nn.init.uniform_(layer.alpha, -2, 2)
        if isinstance(layer, GatedExcitation):
            nn.init.normal_(layer.fc2.weight, std=4)
            nn.init.normal_(layer.fc2.bias, mean=-2, std=2)
    return model


def images(height: int, width: int, count: int) -> torch.Tensor:
    return torch.randn(count, 3, height, width) * torch.linspace(0.1, 3, count)[:, None, None, None]


def test_fenet_without_a_gate_has_the_published_names():
    plain, gated = (set(small_fenet(gate=gate).state_dict()) for gate in (False, True))
    unit = "blocks.1.units.0.gate"
    added = {f"{unit}.{layer}.{part}" for layer in ("fc1", "fc2") for part in ("weight", "bias")}
    assert {key for key in gated - plain if key.startswith(unit)} == added
    assert plain < gated


def test_a_gate_counts_as_shifts():
    counts = count(small_fenet(gate=True), (3, 16, 16))
    gates = [layer for layer in counts.layers if layer.kind == "gate"]
    assert [(gate.name, gate.shape) for gate in gates] == [
        ("blocks.0.units.0.gate.gate", (10, 8, 8)),
        ("blocks.1.units.0.gate.gate", (4, 8, 8)),
        ("blocks.1.units.1.gate.gate", (10, 8, 8)),
    ]
    work = gates[0].work
    assert (work.multiplications, work.additions, work.shifts) == (0, 0, 640)
    # Image and logits are read, the gated image is written.
    assert (work.reads, work.writes) == (650, 640)


def test_unit_of_fenet_is_bit_exact():
    model = small_fenet(gate=True)
    unit = nn.Sequential(nn.Conv2d(3, 2, 1), model.blocks[1].units[0])
    unit.train()(images(5, 6, 8))
    source = import_program(export_module(unit.eval(), images(5, 6, 2)))
    graph = quantise(source, images(5, 6, 16), Config())
    decided = plan(graph, FoldChoices(40))
    got, expected, _ = run_network(graph, decided, lit(graph, 3), 0, 0, 0)
    assert got == expected


class Excited(nn.Module):
    """Shift layers with two gated blocks; the second one's linear layers shift too."""

    def __init__(self):
        super().__init__()
        self.conv1 = ShiftConv2d(3, 7, 3, padding=1)
        self.excite1 = GatedExcitation(7, 2)
        self.conv2 = ShiftConv2d(7, 7, 3, padding=1)
        self.excite2 = GatedExcitation(7, 3, 5, ShiftLinear)
        self.head = nn.Linear(7, 4)

    def forward(self, x):
        x = torch.relu(self.excite1(self.conv1(x)))
        x = torch.relu(x + self.excite2(self.conv2(x)))
        return self.head(x.mean((2, 3)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no calibration images")
@pytest.mark.parametrize("make", [lambda: small_fenet(gate=True), Excited], ids=["fenet", "shift"])
def test_every_layer_of_the_verilog_is_bit_exact(make, tmp_path):
    torch.manual_seed(1)
    model = make()
    model.train()(images(17, 15, 16))
    built = slipstick.compile(model.eval(), images(17, 15, 16), output=tmp_path / "build")
    result = built.simulate(fast=True, frames=12)
    assert result.layers_compared == len(built.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())
    assert result.cycles_per_frame == built.manifest.cycles_per_frame
    stalled = built.simulate(fast=True, frames=6, idle=0.4, stall=0.5, seed=2)
    assert (stalled.mismatches, stalled.violations) == (0, ())
    gates = [stage for stage in built.manifest.stages if stage.kind == "gate"]
    assert [len(stage.nodes) for stage in gates] == [2] * len(gates)
    assert len(gates) >= 2
