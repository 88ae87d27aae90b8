"""Adders with ShiftAddNet's formats FIX8 and FIX16: one grid for inputs and weights, exactly."""

import copy

import pytest
import torch
from torch import nn

import slipstick
from slipstick.config import Config
from slipstick.frontend import CommonGrid, export_module, import_program, run_float
from slipstick.graph import Affine, L1Matmul, run
from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d
from slipstick.quantise import quantise, quantise_input
from slipstick.zoo import build

ops = torch.ops.slipstick


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(23)


def rounded(x, bits):
    return torch.round(x * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)


def pair(bits, scale=1.0):
    """A shift layer and an adder behind it, whose weights lie between the steps."""
    shift = ShiftConv2d(3, 4, 3, padding=1, bias=False, method="ps")
    adder = AdderConv2d(4, 5, 3, stride=2, padding=1, bias=False, grid_bits=bits)
    nn.init.uniform_(adder.adder, -3 * scale, 3 * scale)
    return nn.Sequential(shift, adder).eval()


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_inputs_and_weights_are_rounded_half_to_even(bits):
    layer = AdderConv2d(3, 4, 3, padding=1, grid_bits=bits, dtype=torch.float64)
    plain = copy.deepcopy(layer)
    plain.grid_bits = None
    step = 2.0 ** (1 - bits)
    x = torch.randint(-40, 40, (2, 3, 5, 6)).double() * step / 2
    with torch.no_grad():
        layer.adder.copy_(torch.randint(-40, 40, layer.adder.shape) * step / 2)
        plain.adder.copy_(rounded(layer.adder, bits))
        assert torch.equal(layer(x), plain(rounded(x, bits)))
        assert not torch.equal(layer(x), plain(x))
    halves = torch.tensor([0.5, 1.5, -0.5, -2.5, 1e6 + 0.5]) * step
    assert (layer.on_grid(halves) / step).tolist() == [0.0, 2.0, 0.0, -2.0, 1e6]


def test_gradients_pass_straight_through():
    for layer, shape in [
        (AdderConv2d(3, 4, 3, grid_bits=4, dtype=torch.float64), (2, 3, 5, 6)),
        (AdderLinear(6, 3, grid_bits=4, dtype=torch.float64), (5, 6)),
    ]:
        plain = copy.deepcopy(layer)
        plain.grid_bits = None
        plain.adder.data = rounded(plain.adder.data, 4)
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        on_grid = rounded(x.detach(), 4).requires_grad_()
        y = layer(x)
        upstream = torch.randn_like(y)
        y.backward(upstream)
        plain(on_grid).backward(upstream)
        assert torch.equal(x.grad, on_grid.grad)
        assert torch.equal(layer.adder.grad, plain.adder.grad)
        assert torch.equal(layer.bias.grad, plain.bias.grad)


# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck():
    torch.library.opcheck(ops.round_half_even.default, (torch.randn(2, 5, requires_grad=True), 7))


def test_float_graph_is_the_layer():
    model = pair(8)
    images = torch.randn(8, 3, 6, 5)
    source = import_program(export_module(model, images))
    assert [type(node).__name__ for node in source.nodes[2:]] == ["CommonGrid", "AdderLayer"]
    assert isinstance(source["1.round_half_even"], CommonGrid)
    layer = source[source.output]
    assert torch.equal(layer.weight, rounded(model[1].adder, 8))
    with torch.no_grad():
        expected = model(images)
    torch.testing.assert_close(run_float(source, images)[source.output], expected)


def integers(model, images):
    """The integer graph, and what its nodes make of the images."""
    source = import_program(export_module(model, images))
    graph = quantise(source, images, Config())
    frames = quantise_input(graph, images)
    return graph, frames, run(graph, frames)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_integers_are_the_trained_network(bits):
    model = pair(bits)
    images = torch.randn(64, 3, 6, 5)
    graph, frames, values = integers(model, images)
    (adder,) = [node for node in graph.nodes if isinstance(node, L1Matmul)]
    before, after = graph.tensors[adder.inputs[0]], graph.tensors[adder.name]
    assert before.frac == after.frac == bits - 1
    assert graph[before.name].rounding == "half_even"
    # No input is cut off, and all of what the layer does is exact in float64.
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(frames.double() * 2.0**-graph.input.frac)
    assert torch.equal(values[adder.name].double(), exact * 2.0**after.frac)


def test_width_grows_with_the_values():
    model = pair(8)
    images = torch.randn(64, 3, 6, 5)
    widths = []
    for scale in (1, 16):
        with torch.no_grad():
            largest = float(model[0](images * scale).abs().max())
        graph, _, values = integers(model, images * scale)
        (grid,) = [n for n in graph.nodes if isinstance(n, Affine) and n.rounding == "half_even"]
        assert grid.hi + 1 == -grid.lo > largest * 2**7
        assert values[grid.name].abs().max() < grid.hi
        widths.append(graph.tensors[grid.name].width)
    assert widths[0] > 8
    assert widths[1] == widths[0] + 4


def test_coarser_activations_are_put_on_the_grid():
    images = torch.randn(64, 2, 4, 4) * 50
    layer = AdderConv2d(2, 3, 1, bias=False, grid_bits=8)
    graph, frames, values = integers(nn.Sequential(layer).eval(), images)
    grid = graph["0.round_half_even"]
    assert graph.input.frac < 7
    assert (grid.frac, grid.shift) == (7, 0)
    assert torch.equal(values[grid.name], frames << (7 - graph.input.frac))


def test_activations_on_the_grid_are_left_alone():
    images = torch.randint(-128, 128, (64, 2, 4, 4)) * 2.0**-7
    layer = AdderConv2d(2, 3, 1, bias=False, grid_bits=8)
    graph, _, _ = integers(nn.Sequential(layer).eval(), images)
    assert graph.input.frac == 7
    assert [type(node).__name__ for node in graph.nodes] == ["Input", "L1Matmul", "Affine"]


def test_zoo_option():
    layers = build("shiftaddnet_resnet20", grid_bits=8).modules()
    found = {m.grid_bits for m in layers if isinstance(m, AdderConv2d)}
    assert found == {8}
    fixed = build("shiftaddnet_resnet20", grid_bits=16, fixed=True)
    assert fixed.layer1[0].conv1[1].grid_bits == 16


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no calibration images")
def test_network_is_bit_exact(tmp_path):
    model = nn.Sequential(*pair(8), nn.BatchNorm2d(5), nn.ReLU())
    model.train()(torch.randn(8, 3, 8, 7))
    build = slipstick.compile(model.eval(), torch.randn(2, 3, 8, 7), output=tmp_path / "build")
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())


def test_wrong_arguments_and_repr():
    with pytest.raises(ValueError, match="Grid bits must be at least 2, not 1"):
        AdderConv2d(2, 3, 1, grid_bits=1)
    assert repr(AdderLinear(2, 3, grid_bits=8)).endswith("bias=True, grid_bits=8)")
    assert "grid_bits" not in repr(AdderLinear(2, 3))
