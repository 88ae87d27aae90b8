"""S3 and DenseShift convolutions: against explicit loops, straight-through gradients, trained."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import DenseShiftConv2d, S3Conv2d, denseshift_weight, s3_weight
from slipstick.nn.s3_ops import denseshift_parameters, s3_parameters

ops = torch.ops.slipstick

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (1, 3), "padding": (2, 0), "dilation": (1, 2)},
    {"groups": 2, "padding": "same", "kernel_size": (2, 3), "bias": False},
    {"groups": 4, "kernel_size": 1},
]
KINDS = [S3Conv2d, DenseShiftConv2d]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(13)


def make(kind, **options):
    arguments = {"kernel_size": 3, "dtype": torch.float64} | options
    return kind(4, 8, **arguments)


def weight_of(layer):
    sign, *others = layer.decisions()
    return (
        s3_weight(sign, *others) if isinstance(layer, S3Conv2d) else denseshift_weight(sign, others)
    )


def test_s3_weights_of_every_decision():
    values = torch.tensor(list(itertools.product((-0.5, 0.0, 2.0), repeat=4)))
    expected = []
    for a, b, c, d in values.tolist():
        exponent = (c > 0) * ((d > 0) + 1)
        expected.append((1 if a >= 0 else -1) * (b > 0) * 2.0**exponent)
    assert s3_weight(*values.t()).tolist() == expected
    assert set(expected) == {-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0}


@pytest.mark.parametrize("number", [1, 3, 4])
def test_denseshift_weights_of_every_decision(number):
    values = torch.tensor(list(itertools.product((-0.5, 0.0, 2.0), repeat=number + 1)))
    expected = []
    for sign, *decisions in values.tolist():
        exponent = 0
        for decision in decisions:
            exponent = (exponent + 1) * (decision > 0)
        expected.append((1 if sign >= 0 else -1) * 2.0**exponent)
    sign, *weight_t = values.t()
    assert denseshift_weight(sign, weight_t).tolist() == expected
    assert {abs(value) for value in expected} == {2.0**t for t in range(number + 1)}


def test_parameters_of_every_weight():
    weight = torch.tensor([-4.0, -2, -1, -0.0, 0, 1, 2, 4])
    decisions = s3_parameters(weight)
    assert all(set(decision.tolist()) == {-1.0, 1.0} for decision in decisions)
    assert torch.equal(s3_weight(*decisions), weight)
    for number in (1, 3, 4):
        powers = torch.tensor([sign * 2.0**t for t in range(number + 1) for sign in (-1, 1)])
        sign, *weight_t = denseshift_parameters(powers, number)
        assert len(weight_t) == number
        assert torch.equal(denseshift_weight(sign, weight_t), powers)


@pytest.mark.parametrize("wrong", [3.0, 8.0, 0.5, -1.0001, float("nan"), float("inf")])
def test_other_weights_have_no_parameters(wrong):
    with pytest.raises(ValueError, match=rf"in 0, 1, 2, 4 with a sign, not {wrong:g}"):
        s3_parameters(torch.tensor([1.0, wrong]))
    with pytest.raises(ValueError, match=r"in 1, 2 with a sign, not 0"):
        denseshift_parameters(torch.tensor([1.0, 0.0]), 1)


def naive(layer, x):
    """The layer by loops over every output, exact for small integers."""
    weight = weight_of(layer).detach()
    top, bottom, left, right = layer.sides
    x = F.pad(x, (left, right, top, bottom))
    (sy, sx), (dy, dx) = layer.stride, layer.dilation
    outputs, inputs, kh, kw = weight.shape
    rows = (x.shape[2] - dy * (kh - 1) - 1) // sy + 1
    columns = (x.shape[3] - dx * (kw - 1) - 1) // sx + 1
    result = torch.zeros(len(x), outputs, rows, columns, dtype=x.dtype)
    for o, h, w in itertools.product(range(outputs), range(rows), range(columns)):
        first = o // (outputs // layer.groups) * inputs
        for c, i, j in itertools.product(range(inputs), range(kh), range(kw)):
            tap = x[:, first + c, h * sy + i * dy, w * sx + j * dx]
            result[:, o, h, w] += tap * weight[o, c, i, j]
    return result if layer.bias is None else result + layer.bias.detach()[:, None, None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forward(kind, geometry):
    layer = make(kind, **geometry)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 3.0)
    x = torch.randint(-9, 9, (2, 4, 7, 9)).double()
    assert torch.equal(layer(x), naive(layer, x))
    assert torch.equal(layer(x[0]), layer(x[:1])[0])


class Step(torch.autograd.Function):
    """1 where positive; its gradient passes straight through."""

    @staticmethod
    def forward(ctx, x):
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Sign(torch.autograd.Function):
    """-1 where negative, else 1; its gradient passes straight through."""

    @staticmethod
    def forward(ctx, x):
        return torch.where(x < 0, -1.0, 1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def straight_through(layer):
    """The weights by torch's autograd with straight-through decisions."""
    sign, *others = layer.decisions()
    sign = Sign.apply(sign)
    if isinstance(layer, S3Conv2d):
        value, shift, shift2 = map(Step.apply, others)
        return sign * value * 2 ** (shift * (shift2 + 1))
    exponent = 0
    for decision in map(Step.apply, others):
        exponent = (exponent + 1) * decision
    surrogate = sign * torch.sqrt(exponent + 1)
    return surrogate + (sign * 2**exponent - surrogate).detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_pass_straight_through(kind, geometry):
    layer = make(kind, **geometry)
    slow = copy.deepcopy(layer)
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    x_slow = x.detach().clone().requires_grad_()
    top, bottom, left, right = slow.sides
    padded = F.pad(x_slow, (left, right, top, bottom))
    options = (slow.bias, slow.stride, 0, slow.dilation, slow.groups)
    F.conv2d(padded, straight_through(slow), *options).backward(upstream)
    torch.testing.assert_close(x.grad, x_slow.grad)
    for (name, ours), theirs in zip(layer.named_parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


def test_s3_gradients_by_hand():
    layer = S3Conv2d(1, 1, 1, bias=False, dtype=torch.float64)
    for parameter, value in zip(layer.decisions(), (-0.1, 0.2, 0.3, 0.4), strict=True):
        nn.init.constant_(parameter, value)
    layer(torch.tensor([[[3.0]]], dtype=torch.float64)).sum().backward()
    # The weight is -1 * 1 * 2^2; its gradient is 3.
    slope = 3 * -4 * math.log(2)
    gradients = [parameter.grad.item() for parameter in layer.decisions()]
    assert gradients == pytest.approx([3 * 4, 3 * -4, slope * 2, slope], rel=1e-15)


def test_denseshift_gradients_by_hand():
    layer = DenseShiftConv2d(1, 1, 1, bias=False, dtype=torch.float64)
    for parameter, value in zip(layer.decisions(), (-0.1, 0.2, 0.3, 0.4), strict=True):
        nn.init.constant_(parameter, value)
    layer(torch.tensor([[[3.0]]], dtype=torch.float64)).sum().backward()
    # t is 3, of 1 and 2: the surrogate is -sqrt(4), its slope in t -1/4.
    gradients = [parameter.grad.item() for parameter in layer.decisions()]
    assert gradients == [3 * 2, 3 * -0.25 * 1, 3 * -0.25 * 2, 3 * -0.25 * 3]


@pytest.mark.parametrize("kind", KINDS)
def test_only_wanted_gradients_are_made(kind):
    layer, x = kind(2, 3, 3), torch.randn(1, 2, 5, 5)
    layer(x).sum().backward()
    assert x.grad is None
    assert all(parameter.grad is not None for parameter in layer.parameters())
    frozen = kind(2, 3, 3).requires_grad_(False)
    frozen(x.requires_grad_()).sum().backward()
    assert x.grad is not None
    assert all(parameter.grad is None for parameter in frozen.parameters())


def test_penalty():
    layer = S3Conv2d(1, 1, (1, 4), bias=False)
    with torch.no_grad():
        layer.weight_val.copy_(torch.tensor([-0.5, 0.25, -1.0, 0.0]).view(1, 1, 1, 4))
    assert layer.penalty().item() == 1.5
    layer.penalty().backward()
    assert layer.weight_val.grad.flatten().tolist() == [-1.0, 0.0, -1.0, 0.0]


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (S3Conv2d(4, 6, 3), ["weight_val", "weight_shift", "weight_shift2", "bias"]),
        (S3Conv2d(4, 6, 3, bias=False), ["weight_val", "weight_shift", "weight_shift2"]),
        (DenseShiftConv2d(4, 6, 3, bias=False), ["weight_t1", "weight_t2", "weight_t3"]),
        (DenseShiftConv2d(4, 6, 3, bias=False, weight_bits=2), ["weight_t1"]),
    ],
)
def test_upstream_names_load_strictly(layer, names):
    shapes = {name: (6,) if name == "bias" else (6, 4, 3, 3) for name in names}
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    state["weight"] = state["weight_sign"] = torch.randn(6, 4, 3, 3)
    layer.load_state_dict(state, strict=True)
    assert set(layer.state_dict()) == set(state)
    for name, value in state.items():
        assert torch.equal(layer.get_parameter(name), value)


@pytest.mark.parametrize("kind", KINDS)
def test_weight_and_weight_sign_stay_one_tensor(kind):
    layer = copy.deepcopy(kind(2, 3, 3)).to(torch.float64)
    assert layer.weight is layer.weight_sign
    names = [name for name, _ in layer.named_parameters()]
    assert "weight_sign" not in names
    assert layer.weight.dtype == torch.float64


def test_random_start_is_that_of_the_released_code():
    for kind in KINDS:
        for parameter in kind(64, 64, 3).decisions():
            assert parameter.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)


def bright_quarters():
    """Images of which quarter is bright, with their labels: chance is 25 %."""
    labels = torch.randint(4, (256,))
    images = torch.rand(256, 1, 8, 8) / 2
    for label, picture in zip(labels.tolist(), images, strict=True):
        row, column = divmod(label, 2)
        picture[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.5
    return images, labels


@pytest.mark.parametrize("kind", KINDS)
def test_networks_learn(kind):
    images, labels = bright_quarters()
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        kind(8, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        kind(8, 4, 2, bias=False),
        nn.BatchNorm2d(4),
        nn.Flatten(),
    )
    start = [weight_of(network[i]).clone() for i in (3, 6)]
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(60):
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(images).argmax(1) == labels).double().mean() > 0.95
    assert all(
        not torch.equal(weight_of(network[i]), before)
        for i, before in zip((3, 6), start, strict=True)
    )


class Network(nn.Module):
    """A layer of each kind."""

    def __init__(self):
        super().__init__()
        self.a = S3Conv2d(2, 4, 3, padding="same", bias=False)
        self.b = DenseShiftConv2d(4, 4, 3, stride=2, padding=1, groups=2)
        self.c = DenseShiftConv2d(4, 3, 1, weight_bits=2)

    def forward(self, x):
        return self.c(self.b(self.a(x)))


@pytest.mark.parametrize("dynamic", [True, False])
def test_export_keeps_one_call_a_layer_and_round_trips(tmp_path, dynamic):
    network = Network().eval()
    x = torch.randn(2, 2, 7, 8)
    shapes = ({0: torch.export.Dim("N")},) if dynamic else None
    program = torch.export.export(network, (x,), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "network.pt2")
    loaded = torch.export.load(tmp_path / "network.pt2")
    calls = [node.target for node in loaded.graph.nodes if node.op == "call_function"]
    names = "s3_conv2d denseshift_conv2d denseshift_conv2d"
    assert calls == [getattr(ops, name).default for name in names.split()]
    assert set(loaded.state_dict) == set(network.state_dict())
    more = torch.randn(5 if dynamic else 2, 2, 7, 8)
    assert torch.equal(loaded.module()(more), network(more))


@pytest.mark.parametrize("with_bias", [True, False])
# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck(with_bias):
    x, *parameters = (
        torch.randn(shape, requires_grad=True) for shape in [(2, 4, 7, 8), *[(6, 2, 3, 2)] * 4]
    )
    bias = torch.randn(6, requires_grad=True) if with_bias else None
    geometry = ([2, 1], [1, 0, 2, 1], [1, 2], 2)
    torch.library.opcheck(ops.s3_conv2d.default, (x, *parameters, bias, *geometry))
    sign, *weight_t = parameters
    torch.library.opcheck(ops.denseshift_conv2d.default, (x, sign, weight_t, bias, *geometry))


def test_schemas_are_what_the_importer_reads():
    geometry = "int[] stride, int[] padding, int[] dilation, int groups"
    expected = {
        "s3_conv2d": "Tensor weight_sign, Tensor weight_val, Tensor weight_shift, "
        "Tensor weight_shift2",
        "denseshift_conv2d": "Tensor weight_sign, Tensor[] weight_t",
    }
    for name, weights in expected.items():
        arguments = f"Tensor x, {weights}, Tensor? bias, {geometry}"
        schema = str(getattr(ops, name).default._schema)
        assert schema == f"slipstick::{name}({arguments}) -> Tensor"


@pytest.mark.parametrize("kind", KINDS)
def test_positional_arguments_are_torchs(kind):
    arguments = (4, 6, (3, 2), 2, 1, 1, 2, False, "zeros", "cpu", torch.float64)
    ours, theirs = kind(*arguments), nn.Conv2d(*arguments)
    assert ours.weight.shape == theirs.weight.shape
    assert ours.weight.dtype == torch.float64
    assert ours.bias is None
    for name in ["stride", "padding", "dilation", "groups", "kernel_size", "padding_mode"]:
        assert getattr(ours, name) == getattr(theirs, name)


def test_bad_arguments():
    with pytest.raises(ValueError, match="Weight bits must be at least 2, not 1"):
        DenseShiftConv2d(4, 8, 3, weight_bits=1)
    with pytest.raises(TypeError, match=r"Weight bits must be an integer, not 3\.0"):
        DenseShiftConv2d(4, 8, 3, weight_bits=3.0)
    with pytest.raises(ValueError, match="Padding mode must be 'zeros', not 'circular'"):
        S3Conv2d(4, 8, 3, padding_mode="circular")


def test_repr_says_what_the_layer_is():
    assert repr(S3Conv2d(4, 8, 3)).endswith("groups=1, bias=True)")
    assert repr(DenseShiftConv2d(4, 8, 3, bias=False)).endswith("bias=False, weight_bits=3)")
