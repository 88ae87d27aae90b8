"""Training gradients against the formulas of DeepShift and AdderNet."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear, convert
from slipstick.nn.quantisers import fixed_point, shift_weight_ps, shift_weight_q

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2)},
    {"groups": 2, "padding": 1},
]
SAME = {"kernel_size": (2, 4), "padding": "same"}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


def make(kind, geometry, **options):
    return kind(4, 6, **{"kernel_size": 3, "dtype": torch.float64} | geometry | options)


def image():
    return torch.randn(2, 4, 8, 9, dtype=torch.float64, requires_grad=True)


def reference_gradients(layer, x, weight, upstream):
    """Gradients of the ordinary convolution of ``x`` by ``weight``, from torch's autograd."""
    x = x.detach().requires_grad_()
    weight = weight.detach().requires_grad_()
    top, bottom, left, right = layer.sides
    padded = F.pad(x, (left, right, top, bottom))
    y = F.conv2d(padded, weight, None, layer.stride, 0, layer.dilation, layer.groups)
    return torch.autograd.grad(y, [x, weight], upstream)


@pytest.mark.parametrize("geometry", [*GEOMETRIES, SAME])
def test_shift_conv2d_q_passes_straight_through(geometry):
    layer, x = make(ShiftConv2d, geometry), image()
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    dx, dw = reference_gradients(
        layer, fixed_point(x, 16, 16), shift_weight_q(layer.weight, 5), upstream
    )
    torch.testing.assert_close(x.grad, dx)
    torch.testing.assert_close(layer.weight.grad, dw)
    torch.testing.assert_close(layer.bias.grad, upstream.sum((0, 2, 3)))


@pytest.mark.parametrize("geometry", [*GEOMETRIES, SAME])
def test_shift_conv2d_ps_multiplies_the_gradient_unsymmetrically(geometry):
    layer, x = make(ShiftConv2d, geometry, method="ps"), image()
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    weight = shift_weight_ps(layer.shift, layer.sign, 5)
    dx, dw = reference_gradients(layer, fixed_point(x, 16, 16), weight, upstream)
    torch.testing.assert_close(x.grad, dx)
    torch.testing.assert_close(layer.sign.grad, dw)
    torch.testing.assert_close(layer.shift.grad, dw * weight * math.log(2))
    torch.testing.assert_close(layer.bias.grad, upstream.sum((0, 2, 3)))


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6)])
def test_shift_linear(shape):
    q, ps = (ShiftLinear(6, 3, dtype=torch.float64, method=m) for m in ("q", "ps"))
    for layer in (q, ps):
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        y = layer(x)
        upstream = torch.randn_like(y)
        y.backward(upstream)
        weight = (
            shift_weight_q(q.weight, 5) if layer is q else shift_weight_ps(ps.shift, ps.sign, 5)
        )
        torch.testing.assert_close(x.grad, upstream @ weight)
        seen = fixed_point(x, 16, 16) if layer is q else x
        dw = torch.einsum("no,ni->oi", upstream.flatten(0, -2), seen.flatten(0, -2))
        torch.testing.assert_close(layer.weights()[-1].grad, dw)
        torch.testing.assert_close(layer.bias.grad, upstream.flatten(0, -2).sum(0))
    torch.testing.assert_close(ps.shift.grad, dw * weight * math.log(2))


def scaled(gradient, eta=0.2):
    """AdderNet's adaptive local learning rate."""
    return gradient / gradient.norm() * eta * math.sqrt(gradient.numel())


def adder_reference(layer, x, upstream):
    """AdderNet's gradients over an explicit tensor of all pairs, scattered back by autograd."""
    x = x.detach().requires_grad_()
    top, bottom, left, right = layer.sides
    padded = F.pad(x, (left, right, top, bottom))
    columns = F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride)
    split = columns.view(len(x), layer.groups, 1, -1, columns.shape[-1])
    filters = layer.adder.detach().view(1, layer.groups, -1, split.shape[3], 1)
    rows = upstream.reshape(len(x), layer.groups, -1, 1, columns.shape[-1])
    difference = split.detach() - filters
    dw = (rows * difference).sum((0, 4)).view_as(layer.adder)
    spread = (rows * (-difference).clamp(-1, 1)).sum(2).view_as(columns)
    (dx,) = torch.autograd.grad(columns, x, spread)
    return dx, dw


@pytest.mark.parametrize("geometry", [*GEOMETRIES, SAME])
def test_adder_conv2d(geometry):
    layer, x = make(AdderConv2d, geometry), image()
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    dx, dw = adder_reference(layer, x, upstream)
    torch.testing.assert_close(x.grad, dx)
    torch.testing.assert_close(layer.adder.grad, scaled(dw))
    torch.testing.assert_close(layer.bias.grad, upstream.sum((0, 2, 3)))


def test_adder_conv2d_in_many_chunks(monkeypatch):
    layer, x = make(AdderConv2d, {"padding": 1}), image()
    y = layer(x)
    upstream = torch.randn_like(y)
    monkeypatch.setattr("slipstick.nn.adder_ops.ELEMENTS", 1)
    y.backward(upstream)
    dx, dw = adder_reference(layer, x, upstream)
    torch.testing.assert_close(x.grad, dx)
    torch.testing.assert_close(layer.adder.grad, scaled(dw))


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6)])
def test_adder_linear(shape):
    layer = AdderLinear(6, 3, dtype=torch.float64)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    difference = x.detach().reshape(-1, 1, 6) - layer.adder.detach()
    rows = upstream.reshape(-1, 3, 1)
    dx = (rows * (-difference).clamp(-1, 1)).sum(1).view(shape)
    torch.testing.assert_close(x.grad, dx)
    torch.testing.assert_close(layer.adder.grad, scaled((rows * difference).sum(0)))
    torch.testing.assert_close(layer.bias.grad, upstream.reshape(-1, 3).sum(0))


def test_adder_gradient_by_hand():
    layer = AdderLinear(2, 1, bias=False)
    with torch.no_grad():
        layer.adder.copy_(torch.tensor([[3.0, 0.5]]))
    x = torch.tensor([[0.0, 1.0]], requires_grad=True)
    layer(x).backward(torch.tensor([[2.0]]))
    # HardTanh(w - x) is 1 (clamped from 3) and -0.5; dY/dW = x - w is -3 and 0.5, in full.
    assert x.grad.tolist() == [[2.0, -1.0]]
    raw = torch.tensor([[-6.0, 1.0]])
    torch.testing.assert_close(layer.adder.grad, raw / raw.norm() * 0.2 * math.sqrt(2))


def test_adder_weight_gradient_has_the_length_of_the_local_learning_rate():
    layer = AdderConv2d(3, 5, 3)
    layer(torch.randn(2, 3, 6, 6)).square().sum().backward()
    assert layer.adder.grad.norm().item() == pytest.approx(0.2 * math.sqrt(3 * 5 * 9), rel=1e-5)


def test_adder_gradient_of_nothing_is_zero():
    layer = AdderLinear(2, 2)
    layer(torch.randn(3, 2)).backward(torch.zeros(3, 2))
    assert torch.equal(layer.adder.grad, torch.zeros(2, 2))


@pytest.mark.parametrize("kind", [ShiftConv2d, AdderConv2d])
def test_only_wanted_gradients_are_made(kind):
    layer = kind(2, 3, 3)
    x = torch.randn(1, 2, 5, 5)
    layer(x).sum().backward()
    assert x.grad is None
    assert all(parameter.grad is not None for parameter in layer.parameters())
    frozen = kind(2, 3, 3).requires_grad_(False)
    x.requires_grad_()
    frozen(x).sum().backward()
    assert x.grad is not None
    assert all(parameter.grad is None for parameter in frozen.parameters())


@pytest.mark.parametrize(
    ("kind", "method"), [("shift", "q"), ("shift", "ps"), ("adder", "q"), ("shiftadd", "q")]
)
def test_networks_learn(kind, method):
    """Which quarter of a noisy 8x8 image is bright: chance is 25 %."""
    labels = torch.randint(4, (256,))
    images = torch.rand(256, 1, 8, 8) / 2
    for label, picture in zip(labels.tolist(), images, strict=True):
        row, column = divmod(label, 2)
        picture[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.5
    plain = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32, 4),
        nn.BatchNorm1d(4),
    )
    network = convert(plain, kind, method=method)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(40):
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(images).argmax(1) == labels).double().mean() > 0.95


@pytest.mark.parametrize(
    "layer",
    [lambda: ShiftLinear(5, 3), lambda: ShiftLinear(5, 3, method="ps"), lambda: AdderLinear(5, 3)],
    ids=["q", "ps", "adder"],
)
def test_single_vector_has_the_gradients_of_a_batch_of_one(layer):
    single = layer().double()
    batch = copy.deepcopy(single)
    vector = torch.randn(5, dtype=torch.float64)
    (single(vector) ** 2).sum().backward()
    (batch(vector[None]) ** 2).sum().backward()
    for (name, one), other in zip(single.named_parameters(), batch.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad), name
