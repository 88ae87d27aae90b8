"""Fixed shift convolutions: exact rounding, only inputs and bias get gradients, random start."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import FixedShiftConv2d
from slipstick.nn.quantisers import half_even

ops = torch.ops.slipstick

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2)},
    {"groups": 2, "padding": "same", "kernel_size": (2, 3), "bias": False},
]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(19)


def make(**options):
    return FixedShiftConv2d(4, 8, **({"kernel_size": 3, "dtype": torch.float64} | options))


def convolution(layer, x):
    top, bottom, left, right = layer.sides
    padded = F.pad(x, (left, right, top, bottom))
    return F.conv2d(padded, layer.weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups)


def test_halves_go_to_the_even_multiple():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 0.4, 0.6, 1e9], dtype=torch.float64)
    expected = [0.0, 2.0, 2.0, 0.0, -2.0, 0.0, 1.0, 1e9]
    assert (half_even(x * 2.0**-15, 15) * 2**15).tolist() == expected
    layer = FixedShiftConv2d(1, 1, 1, bias=False, dtype=torch.float64)
    layer.weight.fill_(0.25)
    made = layer(x.view(1, 1, 1, -1) * 2.0**-15)
    assert (made * 2**17).flatten().tolist() == expected


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forward(geometry):
    layer = make(**geometry)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 3.0)
    # Multiples of 2^-15 times powers of two down to 2^-7: every sum is exact.
    x = torch.randint(-99999, 99999, (2, 4, 7, 9)).double() * 2.0**-15
    assert torch.equal(layer(x), convolution(layer, x))
    assert torch.equal(layer(x[0]), layer(x[:1])[0])
    shaken = x + 2.0**-15 * (torch.rand_like(x) - 0.5)
    assert torch.equal(layer(shaken), layer(x))


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_pass_straight_through(geometry):
    layer = make(**geometry)
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    bias = None if layer.bias is None else layer.bias.grad.clone()
    again = x.detach().clone().requires_grad_()
    convolution(layer, again).backward(upstream)
    torch.testing.assert_close(x.grad, again.grad)
    assert layer.weight.grad is None
    assert not layer.weight.requires_grad
    if bias is not None:
        torch.testing.assert_close(bias, upstream.sum((0, 2, 3)))


def test_random_start():
    layer = FixedShiftConv2d(64, 64, 3, bias=False)
    mantissa, exponent = torch.frexp(layer.weight)
    assert set(mantissa.unique().tolist()) == {-0.5, 0.0, 0.5}
    used = (exponent - 1)[layer.weight != 0]
    assert set(used.tolist()) == set(range(-7, 0))
    assert (layer.weight == 0).double().mean().item() == pytest.approx(0.5, abs=0.01)
    shares = torch.bincount(used + 7) / len(used)
    assert shares.sub(1 / 7).abs().max() < 0.01


def test_only_the_bias_is_trained():
    assert [name for name, _ in make().named_parameters()] == ["bias"]
    assert set(make(bias=False).state_dict()) == {"weight"}


def test_export_keeps_one_call_and_round_trips(tmp_path):
    layer = FixedShiftConv2d(2, 4, 3, padding="same").eval()
    shapes = ({0: torch.export.Dim("N")},)
    program = torch.export.export(layer, (torch.randn(2, 2, 7, 8),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "layer.pt2")
    loaded = torch.export.load(tmp_path / "layer.pt2")
    calls = [node.target for node in loaded.graph.nodes if node.op == "call_function"]
    assert calls == [ops.fixed_shift_conv2d.default]
    x = torch.randn(5, 2, 7, 8)
    assert torch.equal(loaded.module()(x), layer(x))


# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("with_bias", [True, False])
def test_opcheck(with_bias):
    x = torch.randn(2, 4, 7, 8, requires_grad=True)
    bias = torch.randn(6, requires_grad=True) if with_bias else None
    geometry = ([2, 1], [1, 0, 2, 1], [1, 2], 2)
    torch.library.opcheck(
        ops.fixed_shift_conv2d.default, (x, torch.randn(6, 2, 3, 2), bias, *geometry)
    )


def test_schema_is_what_the_importer_reads():
    assert str(ops.fixed_shift_conv2d.default._schema) == (
        "slipstick::fixed_shift_conv2d(Tensor x, Tensor weight, Tensor? bias, int[] stride, "
        "int[] padding, int[] dilation, int groups) -> Tensor"
    )


def test_arguments_are_torchs():
    arguments = (4, 6, (3, 2), 2, 1, 1, 2, False, "zeros", "cpu", torch.float64)
    ours, theirs = FixedShiftConv2d(*arguments), nn.Conv2d(*arguments)
    assert ours.weight.shape == theirs.weight.shape
    assert ours.weight.dtype == torch.float64
    assert ours.bias is None
    with pytest.raises(ValueError, match="Padding mode must be 'zeros', not 'circular'"):
        FixedShiftConv2d(4, 8, 3, padding_mode="circular")
    assert repr(FixedShiftConv2d(4, 8, 3)).endswith("groups=1, bias=True)")
