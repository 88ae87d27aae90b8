"""Options of the quantiser: for the network, for one layer, without effect."""

import numpy as np
import pytest
import torch
from quantising import config, lowered
from torch import nn

from slipstick.config import Config, LayerOptions, QuantiseOptions
from slipstick.errors import SlipstickError
from slipstick.frontend import export_module, import_program
from slipstick.graph import ShiftMatmul, run
from slipstick.nn import ShiftConv2d
from slipstick.quantise import quantise


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("layer", "options", "text"),
    [
        ("1", {"weight_bits": 4}, "'weight_bits' means nothing to a ShiftLayer"),
        ("2", {"activation_bits": 4}, "'activation_bits' means nothing to a MaxPool"),
        ("0", {"weights": "power-of-two", "weight_bits": 4}, "'weight_bits' means nothing"),
    ],
)
def test_options_without_effect(layer, options, text):
    module = nn.Sequential(nn.Conv2d(1, 2, 1), ShiftConv2d(2, 2, 1), nn.MaxPool2d(2))
    nn.init.constant_(module[0].weight, 0.5)
    with pytest.raises(SlipstickError) as error:
        lowered(module, settings=config({layer: LayerOptions(**options)}))
    assert text in str(error.value)


def test_folds_are_not_our_concern():
    settings = config({"0": LayerOptions(P=2, S=1, Q=9)})
    lowered(nn.Sequential(nn.Conv2d(1, 2, 3)), settings=settings)


def test_terms_of_one_layer():
    module = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16))
    for layer in ("0", "1"):
        _, graph, _ = lowered(module, settings=config({layer: LayerOptions(bn_terms=1)}))
        assert np.abs(graph["0.affine"].sign).sum(axis=0).max() == 1


@pytest.mark.parametrize("method", ["q", "ps"])
def test_products_are_cut_off_as_deepshifts_kernels_do(method):
    torch.manual_seed(5)
    layer = ShiftConv2d(2, 3, 3, padding=1, bias=False, weight_bits=5, method=method).eval()
    source = import_program(export_module(layer, torch.zeros(2, 2, 5, 4)))
    options = QuantiseOptions(product_frac=9)
    graph = quantise(source, torch.randn(40, 2, 5, 4), Config(quantise=options))
    (node,) = [node for node in graph.nodes if isinstance(node, ShiftMatmul)]
    frac = graph.input.frac
    assert graph.tensors[node.name].frac == 9
    assert node.truncates
    frames = torch.from_numpy(np.random.default_rng(0).integers(-128, 128, (2, 2, 5, 4)))
    sums = run(graph, frames)[node.name]
    # Tap by tap: the input on the grid of 9 fraction bits, shifted right, rounded down.
    (weight,) = (n.weight.numpy() for n in source.nodes if n.name == node.name)
    x = np.pad(frames.numpy() << 9 - frac, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros((2, 3, 5, 4), np.int64)
    for o, c, ky, kx in np.argwhere(weight):
        value = weight[o, c, ky, kx]
        product = x[:, c, ky : ky + 5, kx : kx + 4] >> int(-np.log2(abs(value)))
        expected[:, o] += int(np.sign(value)) * product
    np.testing.assert_array_equal(sums.numpy(), expected)


def test_products_that_need_fewer_bits_stay_exact():
    layer = ShiftConv2d(2, 3, 3, bias=False, weight_bits=3).eval()
    source = import_program(export_module(layer, torch.zeros(2, 2, 5, 4)))
    images = torch.rand(20, 2, 5, 4)
    cut, exact = (
        quantise(source, images, Config(quantise=QuantiseOptions(product_frac=frac)))
        for frac in (16, None)
    )
    for one, other in zip(cut.nodes, exact.nodes, strict=True):
        if isinstance(one, ShiftMatmul):
            np.testing.assert_array_equal(one.exponent, other.exponent)
            assert not one.truncates
