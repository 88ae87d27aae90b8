"""Layers trained to powers of two and their sums: exact as integers, and in the Verilog."""

import numpy as np
import pytest
import torch
from torch import nn

import slipstick
from slipstick.config import Config
from slipstick.frontend import export_module, import_program, run_float
from slipstick.graph import ShiftMatmul
from slipstick.nn import APoTConv2d, APoTLinear, DenseShiftConv2d, S3Conv2d
from slipstick.nn.apot_ops import apot_codes
from slipstick.quantise import quantise

LAYERS = {
    "s3": lambda: S3Conv2d(4, 6, 3, padding=1, groups=2),
    "denseshift": lambda: DenseShiftConv2d(4, 6, (1, 3), stride=2),
    "apot": lambda: APoTConv2d(4, 6, 3, padding=1, weight_bits=5),
    "apot of few bits": lambda: APoTConv2d(4, 6, 1, weight_bits=3),
}


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


@pytest.mark.parametrize(("kind", "terms"), [("s3", 1), ("denseshift", 1)])
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


@pytest.mark.filterwarnings("ignore:no calibration images")
def test_network_is_bit_exact(tmp_path):
    torch.manual_seed(1)
    model = nn.Sequential(
        S3Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        DenseShiftConv2d(6, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        APoTConv2d(8, 5, 3, weight_bits=4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        APoTLinear(5, 4, weight_bits=3),
    )
    model.train()(torch.randn(8, 3, 11, 9))
    build = slipstick.compile(model.eval(), torch.randn(2, 3, 11, 9), output=tmp_path / "build")
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())
