"""APoT layers: levels, weights against loops, straight-through gradients, trained."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import APoTConv2d, APoTLinear, apot_codes, apot_levels, apot_weight
from slipstick.nn.apot_ops import apot_activation

ops = torch.ops.slipstick

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2), "groups": 2},
    {"kernel_size": (2, 3), "padding": "same", "bias": False},
]
BITS = [2, 3, 4, 5]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(17)


def powers(*exponents):
    return [0.0] + [2.0**exponent for exponent in exponents]


def test_levels_of_the_released_code():
    assert apot_levels(1) == [0.0, 1.0]
    assert apot_levels(2) == sorted(powers(-1, -2, -3))
    pairs = {
        3: (powers(-1, -2, -4), powers(-3)),
        4: (powers(-1, -3, -5), powers(-2, -4, -6)),
    }
    for bits, terms in pairs.items():
        assert apot_levels(bits) == sorted(a + b for a, b in itertools.product(*terms))
    triples = itertools.product(powers(-1, -3, -6), powers(-2, -4, -7), powers(-5))
    assert apot_levels(5) == sorted(map(sum, triples))


@pytest.mark.parametrize("bits", range(1, 6))
def test_bits_number_the_levels(bits):
    assert len(set(apot_levels(bits))) == 2**bits


def nearest(share, bits):
    """The level nearest to ``share`` of the largest, by comparing with each."""
    levels = apot_levels(bits)
    return min(levels, key=lambda level: abs(level / levels[-1] - share))


@pytest.mark.parametrize("bits", BITS)
def test_weights(bits):
    weight = torch.randn(6, 5, 3, dtype=torch.float64) * 0.3 + 0.1
    alpha = torch.tensor(1.7, dtype=torch.float64)
    codes = apot_codes(weight, alpha, bits)
    values = weight.flatten().tolist()
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
    for value, code in zip(values, codes.flatten().tolist(), strict=True):
        share = (value - mean) / deviation / 1.7
        assert code == math.copysign(nearest(abs(share), bits - 1), share)
    largest = apot_levels(bits - 1)[-1]
    assert codes.abs().max() == largest
    assert torch.equal(apot_weight(weight, alpha, bits), codes * (alpha / largest))


@pytest.mark.parametrize("bits", BITS)
def test_activations(bits):
    x = torch.randn(3, 40, dtype=torch.float64) * 3
    # A bound of levels times a power of two: the scale, and so the result, is exact.
    alpha = torch.tensor(4 * apot_levels(bits)[-1], dtype=torch.float64)
    expected = [4 * nearest(value / alpha.item(), bits) for value in x.flatten().tolist()]
    assert apot_activation(x, alpha, bits).flatten().tolist() == expected
    assert {0.0, alpha.item()} <= set(expected)


def test_halfway_takes_the_smaller_level():
    x = torch.tensor([0.0625, 0.1875, 0.375, 0.1876, 0.7, -0.3])
    expected = [0.0, 0.125, 0.25, 0.25, 0.5, 0.0]
    assert apot_activation(x, torch.tensor(0.5), 2).tolist() == expected


def test_memory_layout_does_not_matter():
    x = torch.randn(2, 4, 5, 6)
    layer = APoTConv2d(4, 3, 3, activation_bits=4)
    assert torch.equal(layer(x.to(memory_format=torch.channels_last)), layer(x))


def make(kind, *sizes, **options):
    layer = kind(*sizes, dtype=torch.float64, **options)
    with torch.no_grad():
        # Some weights and some activations beyond their bounds.
        layer.weight_quant.wgt_alpha.fill_(1.25)
        if layer.act_alpha is not None:
            layer.act_alpha.fill_(0.75)
    return layer


def weight_of(layer):
    return apot_weight(layer.weight, layer.weight_quant.wgt_alpha, layer.weight_bits)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forward_is_a_convolution_by_the_effective_weights(geometry):
    layer = make(APoTConv2d, 4, 6, **{"kernel_size": 3} | geometry)
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64)
    top, bottom, left, right = layer.sides
    padded = F.pad(x, (left, right, top, bottom))
    options = (layer.bias, layer.stride, 0, layer.dilation, layer.groups)
    torch.testing.assert_close(layer(x), F.conv2d(padded, weight_of(layer), *options))
    torch.testing.assert_close(layer(x[0]), layer(x)[0])


def straight_through(x, alpha, rounded, inside):
    """``rounded`` between the bounds, of which ``alpha`` is the upper one, by autograd.

    Inside, rounding ``x / alpha`` counts as the identity.
    """
    share = (x / alpha).detach()
    passed = rounded * alpha + (x - share * alpha) * inside
    # The value is that of the rounding, to the bit.
    return passed + (rounded * alpha - passed).detach()


def slow_weight(layer):
    weight, alpha = layer.weight, layer.weight_quant.wgt_alpha
    normal = (weight - weight.mean().detach()) / weight.std().detach()
    codes = apot_codes(weight, alpha, layer.weight_bits).detach()
    rounded = codes / apot_levels(layer.weight_bits - 1)[-1]
    inside = normal.detach().abs() <= alpha.detach()
    beyond = (normal - normal.detach()) * ~inside
    return straight_through(normal, alpha, rounded, inside) + beyond


def slow_activation(layer, x):
    alpha, bits = layer.act_alpha, layer.activation_bits
    if alpha is None:
        return x
    rounded = (apot_activation(x, alpha, bits) / alpha).detach()
    inside = (x >= 0) & (x <= alpha)
    return straight_through(x, alpha, rounded, inside.detach())


def compare_gradients(layer, x, apply):
    """``apply(layer, x, weight)`` is the same layer by torch's autograd."""
    slow, x_slow = copy.deepcopy(layer), x.detach().clone().requires_grad_()
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    apply(slow, slow_activation(slow, x_slow), slow_weight(slow)).backward(upstream)
    torch.testing.assert_close(x.grad, x_slow.grad)
    for (name, ours), theirs in zip(layer.named_parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


@pytest.mark.parametrize("activation_bits", [None, 3])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_of_the_convolution(geometry, activation_bits):
    layer = make(APoTConv2d, 4, 6, **{"kernel_size": 3} | geometry, activation_bits=activation_bits)

    def convolution(layer, x, weight):
        top, bottom, left, right = layer.sides
        padded = F.pad(x, (left, right, top, bottom))
        return F.conv2d(padded, weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups)

    x = torch.randn(2, 4, 7, 9, dtype=torch.float64, requires_grad=True)
    compare_gradients(layer, x, convolution)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6)])
def test_gradients_of_the_linear_layer(shape, bits):
    layer = make(APoTLinear, 6, 3, weight_bits=bits, activation_bits=bits)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    compare_gradients(layer, x, lambda layer, x, weight: F.linear(x, weight, layer.bias))


def test_only_wanted_gradients_are_made():
    for layer, x in [
        (APoTConv2d(2, 3, 3), torch.randn(1, 2, 5, 5)),
        (APoTLinear(4, 3), torch.randn(2, 4)),
    ]:
        layer(x).sum().backward()
        assert x.grad is None
        assert all(parameter.grad is not None for parameter in layer.parameters())
        layer.zero_grad()
        layer.requires_grad_(False)(x.requires_grad_()).sum().backward()
        assert x.grad is not None
        assert all(parameter.grad is None for parameter in layer.parameters())


def test_upstream_names_load_strictly():
    layer = APoTConv2d(4, 6, 3, bias=False, activation_bits=4)
    state = {
        "weight": torch.randn(6, 4, 3, 3),
        "act_alpha": torch.tensor(2.5),
        "weight_quant.wgt_alpha": torch.tensor(1.5),
    }
    layer.load_state_dict(state, strict=True)
    assert set(layer.state_dict()) == set(state)
    assert layer.act_alpha == 2.5
    assert layer.weight_quant.wgt_alpha == 1.5
    assert set(APoTLinear(4, 6).state_dict()) == {"weight", "bias", "weight_quant.wgt_alpha"}


@pytest.mark.parametrize("bits", [2, 4])
def test_networks_learn(bits):
    """Which quarter of a noisy 8x8 image is bright: chance is 25 %."""
    labels = torch.randint(4, (256,))
    images = torch.rand(256, 1, 8, 8) / 2
    for label, picture in zip(labels.tolist(), images, strict=True):
        row, column = divmod(label, 2)
        picture[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.5
    options = {"bias": False, "weight_bits": bits}
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        APoTConv2d(8, 8, 3, 2, 1, activation_bits=bits, **options),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        APoTLinear(32, 4, activation_bits=bits, **options),
        nn.BatchNorm1d(4),
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(40):
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(images).argmax(1) == labels).double().mean() > 0.95


class Network(nn.Module):
    """A layer of each kind."""

    def __init__(self):
        super().__init__()
        self.a = APoTConv2d(2, 4, 3, padding="same", bias=False)
        self.b = APoTConv2d(4, 4, 3, stride=2, groups=2, weight_bits=3, activation_bits=3)
        self.c = APoTLinear(4 * 3 * 3, 5, weight_bits=5)

    def forward(self, x):
        return self.c(self.b(self.a(x)).flatten(1))


@pytest.mark.parametrize("dynamic", [True, False])
def test_export_keeps_one_call_a_layer_and_round_trips(tmp_path, dynamic):
    network = Network().eval()
    x = torch.randn(2, 2, 7, 8)
    shapes = ({0: torch.export.Dim("N")},) if dynamic else None
    program = torch.export.export(network, (x,), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "network.pt2")
    loaded = torch.export.load(tmp_path / "network.pt2")
    calls = [node.target for node in loaded.graph.nodes if "slipstick" in str(node.target)]
    names = "apot_conv2d apot_activation apot_conv2d apot_linear"
    assert calls == [getattr(ops, name).default for name in names.split()]
    assert set(loaded.state_dict) == set(network.state_dict())
    more = torch.randn(5 if dynamic else 2, 2, 7, 8)
    assert torch.equal(loaded.module()(more), network(more))


@pytest.mark.parametrize("with_bias", [True, False])
# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck(with_bias):
    def tensor(*shape):
        return torch.randn(shape, requires_grad=True)

    alpha = torch.tensor(1.5, requires_grad=True)
    geometry = ([2, 1], [1, 0, 2, 1], [1, 2], 2)
    biases = [tensor(6), tensor(3)] if with_bias else [None, None]
    weights = (tensor(6, 2, 3, 2), alpha, biases[0])
    torch.library.opcheck(ops.apot_conv2d.default, (tensor(2, 4, 7, 8), *weights, *geometry, 4))
    weights = (tensor(3, 6), alpha, biases[1])
    torch.library.opcheck(ops.apot_linear.default, (tensor(2, 5, 6), *weights, 4))
    torch.library.opcheck(ops.apot_activation.default, (tensor(2, 5, 6), alpha, 4))


def test_schemas_are_what_the_importer_reads():
    geometry = "int[] stride, int[] padding, int[] dilation, int groups"
    weights = "Tensor x, Tensor weight, Tensor wgt_alpha, Tensor? bias"
    expected = {
        "apot_conv2d": f"{weights}, {geometry}, int weight_bits",
        "apot_linear": f"{weights}, int weight_bits",
        "apot_activation": "Tensor x, Tensor act_alpha, int bits",
    }
    for name, arguments in expected.items():
        schema = str(getattr(ops, name).default._schema)
        assert schema == f"slipstick::{name}({arguments}) -> Tensor"


def test_positional_arguments_are_torchs():
    arguments = (4, 6, (3, 2), 2, 1, 1, 2, False, "zeros", "cpu", torch.float64)
    ours, theirs = APoTConv2d(*arguments), nn.Conv2d(*arguments)
    for name in ["stride", "padding", "dilation", "groups", "kernel_size", "padding_mode"]:
        assert getattr(ours, name) == getattr(theirs, name)
    for layer in (ours, APoTLinear(4, 6, False, "cpu", torch.float64)):
        assert layer.bias is None
        assert {parameter.dtype for parameter in layer.parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weight_bits": 1}, ValueError, "Weight bits must be at least 2, not 1"),
        ({"weight_bits": 6}, ValueError, "Weight bits must be at most 5, not 6"),
        ({"activation_bits": 1}, ValueError, "Activation bits must be at least 2, not 1"),
        ({"activation_bits": 2.5}, TypeError, r"Activation bits must be an integer, not 2\.5"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        APoTConv2d(4, 8, 3, **arguments)
    with pytest.raises(error, match=message):
        APoTLinear(4, 8, **arguments)


def test_repr_says_what_the_layer_is():
    text = repr(APoTConv2d(4, 8, 3, bias=False, activation_bits=4))
    assert "groups=1, bias=False, weight_bits=4, activation_bits=4" in text
