"""Layers against naive loops over every tap, and their arguments."""

import itertools

import pytest
import torch
from torch import nn

from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear
from slipstick.nn.quantisers import fixed_point, shift_weight_ps, shift_weight_q

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2)},
    {"groups": 2, "padding": "same"},
    {"groups": 4, "padding": "valid", "dilation": 2},
    {"kernel_size": (2, 4), "padding": "same", "dilation": (3, 1)},
    {"kernel_size": 1, "stride": 2},
    {"kernel_size": 2, "padding": "same", "bias": False},
]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


def taps(layer, x):
    """Pairs of output position and window ``(N, C, kh, kw)`` of the zero-padded ``x``."""
    top, bottom, left, right = layer.sides
    x = nn.functional.pad(x, (left, right, top, bottom))
    (kh, kw), (sy, sx), (dy, dx) = layer.kernel_size, layer.stride, layer.dilation
    height = (x.shape[2] - dy * (kh - 1) - 1) // sy + 1
    width = (x.shape[3] - dx * (kw - 1) - 1) // sx + 1
    for row, column in itertools.product(range(height), range(width)):
        rows = slice(row * sy, row * sy + dy * (kh - 1) + 1, dy)
        columns = slice(column * sx, column * sx + dx * (kw - 1) + 1, dx)
        yield (row, column), x[:, :, rows, columns]


def naive(layer, x, weight, bias, combine):
    """Convolution by loops; ``combine(window, filter)`` is what one filter makes of a window."""
    inputs, outputs = weight.shape[1], len(weight) // layer.groups
    result = {}
    for place, window in taps(layer, x):
        for o in range(len(weight)):
            group = o // outputs
            part = window[:, group * inputs : (group + 1) * inputs]
            result[(o, *place)] = combine(part, weight[o]).sum((1, 2, 3))
    size = [max(axis) + 1 for axis in zip(*result, strict=True)]
    stacked = torch.stack(list(result.values()), 1)
    order = sorted(range(len(result)), key=list(result).__getitem__)
    image = stacked[:, order].view(len(x), *size)
    return image if bias is None else image + bias[:, None, None]


def make(kind, geometry, **options):
    arguments = {"kernel_size": 3, "dtype": torch.float64} | geometry | options
    return kind(4, 8, **arguments)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("method", ["q", "ps"])
def test_shift_conv2d(geometry, method):
    layer = make(ShiftConv2d, geometry, method=method, weight_bits=4)
    x = torch.randn(2, 4, 9, 11, dtype=torch.float64)
    quantiser = shift_weight_q if method == "q" else shift_weight_ps
    weight = quantiser(*layer.weights(), 4)
    bias = None if layer.bias is None else fixed_point(layer.bias, 16, 16)
    expected = naive(layer, fixed_point(x, 16, 16), weight, bias, lambda x, w: x * w)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.eval()(x[0]), expected[0])


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_adder_conv2d(geometry):
    layer = make(AdderConv2d, geometry)
    x = torch.randn(2, 4, 9, 11, dtype=torch.float64)
    expected = naive(layer, x, layer.adder, layer.bias, lambda x, w: -(x - w).abs())
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer(x[0]), expected[0])


def test_adder_padding_is_not_neutral():
    layer = AdderConv2d(1, 1, 3, padding=1, bias=False)
    nn.init.constant_(layer.adder, -2.0)
    # One pixel of 5 in the middle, and 8 taps of padding that count -|w| each.
    assert layer(torch.full((1, 1, 1, 1), 5.0)).item() == -(7.0 + 8 * 2.0)


def test_adder_conv2d_in_many_chunks(monkeypatch):
    layer = make(AdderConv2d, {"padding": 1})
    x = torch.randn(5, 4, 6, 6, dtype=torch.float64)
    expected = layer(x)
    monkeypatch.setattr("slipstick.nn.adder_ops.ELEMENTS", 1)
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6), (0, 6)])
def test_linear_layers(shape):
    x = torch.randn(shape)
    adder = AdderLinear(6, 5)
    expected = -(x[..., None, :] - adder.adder).abs().sum(-1) + adder.bias
    torch.testing.assert_close(adder(x), expected)
    q, ps = ShiftLinear(6, 5), ShiftLinear(6, 5, method="ps")
    expected = fixed_point(x, 16, 16) @ shift_weight_q(q.weight, 5).t() + q.bias
    torch.testing.assert_close(q(x), expected)
    expected = x @ shift_weight_ps(ps.shift, ps.sign, 5).t() + ps.bias
    torch.testing.assert_close(ps(x), expected)


def test_what_is_rounded_follows_the_released_code():
    options = {"activation_integer_bits": 3, "activation_fraction_bits": 2}
    x = torch.tensor([[0.3]])
    image = x[..., None, None]
    cases = [
        (ShiftConv2d(1, 1, 1, **options), image, 0.25 + 0.25),
        (ShiftConv2d(1, 1, 1, method="ps", **options), image, 0.25 + 0.25),
        (ShiftLinear(1, 1, **options), x, 0.25 + 0.3),
        (ShiftLinear(1, 1, method="ps", **options), x, 0.3 + 0.3),
    ]
    for layer, value, expected in cases:
        for parameter in layer.weights():
            nn.init.constant_(parameter, 1.0)
        nn.init.constant_(layer.bias, 0.3)
        assert layer(value).item() == pytest.approx(expected)


@pytest.mark.parametrize("method", ["q", "ps"])
def test_training_keeps_parameters_in_range(method):
    layer = ShiftConv2d(1, 2, 1, weight_bits=3, method=method)
    first = layer.weights()[0]
    nn.init.constant_(first, 9.0)
    x = torch.ones(1, 1, 1, 1)
    before = layer.eval()(x)
    assert first.max() == 9.0
    assert torch.equal(layer.train()(x), before)
    assert first.max() == (1.0 if method == "q" else 0.0)


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (ShiftConv2d, nn.Conv2d),
        (AdderConv2d, nn.Conv2d),
        (ShiftLinear, nn.Linear),
        (AdderLinear, nn.Linear),
    ],
)
def test_positional_arguments_are_torchs(kind, reference):
    conv = reference is nn.Conv2d
    arguments = (4, 6, (3, 2), 2, 1, 1, 2, False, "zeros", "cpu") if conv else (4, 6, False, "cpu")
    ours = kind(*arguments, torch.float64)
    theirs = reference(*arguments, torch.float64)
    first = next(ours.parameters())
    assert first.shape == theirs.weight.shape
    assert first.dtype == torch.float64
    assert ours.bias is None
    names = ["stride", "padding", "dilation", "groups", "kernel_size", "padding_mode"]
    for name in names if conv else ["in_features", "out_features"]:
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weight_bits": 1}, ValueError, "Weight bits must be at least 2, not 1"),
        ({"weight_bits": 2.5}, TypeError, "Weight bits must be an integer, not 2.5"),
        ({"method": "x"}, ValueError, "Method must be 'q' or 'ps', not 'x'"),
        ({"padding_mode": "circular"}, ValueError, "Padding mode must be 'zeros', not 'circular'"),
        ({"groups": 3}, ValueError, "In channels must be divisible by groups=3, not 4"),
        ({"padding": -1}, ValueError, "Padding must be at least 0, not -1"),
        (
            {"padding": "half"},
            ValueError,
            "Padding must be 'same', 'valid' or integers, not 'half'",
        ),
        ({"padding": "same", "stride": 2}, ValueError, r"Stride must be 1 .*, not \(2, 2\)"),
        ({"stride": 0}, ValueError, "Stride must be at least 1, not 0"),
        ({"dilation": (1, 1, 1)}, ValueError, "Dilation must be one or two integers"),
        ({"out_channels": 0}, ValueError, "Out channels must be at least 1, not 0"),
        ({"activation_integer_bits": 1}, ValueError, "Activation integer bits must be at least 2"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        ShiftConv2d(**{"in_channels": 4, "out_channels": 8, "kernel_size": 3} | arguments)


def test_bad_input_shape():
    with pytest.raises(
        ValueError, match=r"Input must have shape \(N, 4, H, W\), not \(1, 3, 5, 5\)"
    ):
        AdderConv2d(4, 8, 3)(torch.zeros(1, 3, 5, 5))


def test_repr_says_what_the_layer_is():
    text = repr(ShiftConv2d(4, 8, 3, bias=False, method="ps", weight_bits=4))
    assert "4, 8, kernel_size=(3, 3)" in text
    assert "bias=False, weight_bits=4, method='ps'" in text
