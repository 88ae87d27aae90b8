"""Layers of powers of two and their sums: exact as integers, and in the Verilog."""

import numpy as np
import pytest
import torch
from torch import nn

import slipstick
from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import AdditiveLevels, export_module, import_program, run_float
from slipstick.graph import Affine, ShiftMatmul, run
from slipstick.nn import (
    AdderConv2d,
    APoTConv2d,
    APoTLinear,
    DenseShiftConv2d,
    FixedShiftConv2d,
    S3Conv2d,
)
from slipstick.nn.apot_ops import apot_codes
from slipstick.quantise import quantise, quantise_input
from slipstick.zoo.apot import LastLinear, additive
from slipstick.zoo.residual import BasicBlock, LinearResNet
from slipstick.zoo.s3 import decided

LAYERS = {
    "s3": lambda: S3Conv2d(4, 6, 3, padding=1, groups=2),
    "denseshift": lambda: DenseShiftConv2d(4, 6, (1, 3), stride=2),
    "apot": lambda: APoTConv2d(4, 6, 3, padding=1, weight_bits=5),
    "apot of few bits": lambda: APoTConv2d(4, 6, 1, weight_bits=3),
    "fixed shifts": lambda: FixedShiftConv2d(4, 6, 3, stride=2, padding=1),
}
UNEVEN = "uneven steps of APoT"


def lowered(layer, shape):
    source = import_program(export_module(layer.eval(), torch.randn(2, *shape)))
    images = torch.randn(64, *shape)
    return source, images, quantise(source, images, Config())


@pytest.mark.parametrize("kind", LAYERS)
def test_float_graph_is_the_layer(kind):
    layer = LAYERS[kind]()
    source, images, _ = lowered(layer, (4, 7, 6))
    with torch.no_grad():
        expected = layer(images)
    torch.testing.assert_close(run_float(source, images)[source.output], expected)


@pytest.mark.parametrize(("kind", "terms"), [("s3", 1), ("denseshift", 1), ("fixed shifts", 1)])
def test_powers_of_two_are_single_terms(kind, terms):
    layer = LAYERS[kind]()
    source, _, graph = lowered(layer, (4, 7, 6))
    (node,) = [node for node in graph.nodes if isinstance(node, ShiftMatmul)]
    assert len(node.exponent) == terms
    expected = source[node.name].weight.numpy()
    np.testing.assert_array_equal(node.weight * 2.0**-node.weight_frac, expected)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_additive_powers_of_two_lose_nothing(bits):
    layer = APoTLinear(40, 30, weight_bits=bits)
    _, _, graph = lowered(layer, (40,))
    (node,) = [node for node in graph.nodes if isinstance(node, ShiftMatmul)]
    codes = apot_codes(layer.weight, layer.weight_quant.wgt_alpha, bits).detach().double()
    np.testing.assert_array_equal(node.weight[:, :, 0, 0] * 2.0**-node.weight_frac, codes.numpy())
    assert len(node.exponent) <= 2


# Activations of APoT.


def test_uneven_levels_are_exact_as_floats_and_bounds_as_integers():
    layer = APoTConv2d(4, 6, 3, bias=False, weight_bits=4, activation_bits=4)
    nn.init.constant_(layer.act_alpha, 1.37)
    source = import_program(export_module(layer.eval(), torch.randn(2, 4, 7, 6)))
    images = torch.randn(64, 4, 7, 6)
    values = run_float(source, images)
    with torch.no_grad():
        torch.testing.assert_close(values[source.output], layer(images))
        assert torch.equal(values["apot_activation"], layer.rounded(images))
    assert isinstance(source["apot_activation"], AdditiveLevels)
    with pytest.warns(UserWarning, match=f"^1 activations .* {UNEVEN}, the first at 'apot_act"):
        graph = quantise(source, images, Config())
    affine = graph["apot_activation"]
    assert isinstance(affine, Affine)
    assert (affine.lo, affine.hi) == (0, round(1.37 * 2**affine.frac))
    frames = quantise_input(graph, images)
    made = run(graph, frames)[affine.name]
    exact = (frames * 2.0 ** (affine.frac - graph.input.frac) + 0.5).floor()
    assert torch.equal(made, exact.clamp(0, affine.hi).long())


def test_bounds_are_part_of_the_layer_before():
    layer = APoTConv2d(6, 3, 1, activation_bits=3)
    nn.init.constant_(layer.act_alpha, 0.8)
    model = nn.Sequential(S3Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.ReLU(), layer)
    source = import_program(export_module(model.eval(), torch.randn(2, 4, 5, 5)))
    with pytest.warns(UserWarning, match=UNEVEN):
        graph = quantise(source, torch.randn(64, 4, 5, 5), Config())
    (first, _) = [node for node in graph.nodes if isinstance(node, Affine)]
    assert (first.lo, first.hi) == (0, round(0.8 * 2**first.frac))


def test_bound_that_is_none_is_refused():
    layer = APoTConv2d(4, 6, 3, activation_bits=4)
    nn.init.constant_(layer.act_alpha, -0.5)
    with pytest.raises(SlipstickError, match=r"Layer 'apot_activation': its act_alpha is -0\.5"):
        import_program(export_module(layer.eval(), torch.randn(2, 4, 7, 6)))


# Inputs of fixed shifts.


def affines(graph):
    return [node for node in graph.nodes if isinstance(node, Affine)]


def test_rounding_to_a_finer_grid_is_nothing():
    model = nn.Sequential(FixedShiftConv2d(2, 4, 1), nn.ReLU(), FixedShiftConv2d(4, 3, 1))
    _, _, graph = lowered(model, (2, 4, 4))
    assert graph.input.frac <= 15
    assert [node.rounding for node in affines(graph)] == ["half_up", "half_up"]
    assert [node.name for node in graph.nodes[:3]] == ["input", "0", "0.affine"]


def test_rounding_to_a_coarser_grid_is_half_to_even():
    layer = FixedShiftConv2d(2, 4, 1, bias=False).eval()
    images = torch.randn(64, 2, 4, 4) * 2.0**-13
    source = import_program(export_module(layer, images))
    graph = quantise(source, images, Config())
    assert graph.input.frac > 15
    (rounding, _) = affines(graph)
    assert (rounding.frac, rounding.rounding) == (15, "half_even")
    frames = quantise_input(graph, images)
    exact = torch.round(frames * 2.0 ** (15 - graph.input.frac)).long()
    assert (exact * 2 ** (graph.input.frac - 15) - frames).abs().max() * 2 == 2 ** (
        graph.input.frac - 15
    )
    assert torch.equal(run(graph, frames)[rounding.name], exact)


# In the Verilog.


def assert_bit_exact(model, shape, folder):
    model.train()(torch.randn(8, *shape))
    build = slipstick.compile(model.eval(), torch.randn(2, *shape), output=folder)
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())


def small_resnet(convolution, classifier):
    stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    return LinearResNet(stem, None, convolution, BasicBlock, (4, 8), (1, 1), classifier)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no calibration images")
def test_residual_network_of_s3_is_bit_exact(tmp_path):
    torch.manual_seed(2)
    model = small_resnet(decided, nn.Linear(8, 4))
    assert_bit_exact(model, (3, 8, 8), tmp_path / "build")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no calibration images")
def test_residual_network_of_apot_is_bit_exact(tmp_path):
    torch.manual_seed(3)
    model = small_resnet(additive(4, 4), LastLinear(8, 4))
    with pytest.warns(UserWarning, match=f"^5 activations .* {UNEVEN}"):
        assert_bit_exact(model, (3, 8, 8), tmp_path / "build")


@pytest.mark.filterwarnings("ignore:no calibration images")
def test_network_is_bit_exact(tmp_path):
    torch.manual_seed(1)
    model = nn.Sequential(
        S3Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        DenseShiftConv2d(6, 8, 3, stride=2),
        FixedShiftConv2d(8, 8, 1, bias=False),
        AdderConv2d(8, 8, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        APoTConv2d(8, 5, 3, weight_bits=4, activation_bits=4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        APoTLinear(5, 4, weight_bits=3),
    )
    with pytest.warns(UserWarning, match=f"^1 activations .* {UNEVEN}"):
        assert_bit_exact(model, (3, 11, 9), tmp_path / "build")
