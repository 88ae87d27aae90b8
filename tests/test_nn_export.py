"""The custom ops: registered correctly, and one call a layer in an exported program."""

import pytest
import torch
from torch import nn

import slipstick.nn  # noqa: F401  registers the ops
from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear

ops = torch.ops.slipstick
GEOMETRY = ([2, 1], [1, 0, 2, 1], [1, 2], 2)
BITS = (5, 16, 16)


def tensor(*shape):
    return torch.randn(shape, requires_grad=True)


def conv_cases():
    weight = (6, 2, 3, 2)
    return [
        (ops.shift_conv2d, [tensor(*weight)], BITS),
        (ops.shift_conv2d_ps, [tensor(*weight), tensor(*weight)], BITS),
        (ops.adder_conv2d, [tensor(*weight)], ()),
    ]


def linear_cases():
    return [
        (ops.shift_linear, [tensor(3, 6)], BITS),
        (ops.shift_linear_ps, [tensor(3, 6), tensor(3, 6)], BITS),
        (ops.adder_linear, [tensor(3, 6)], ()),
    ]


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("case", range(3))
# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck(case, with_bias):
    op, weights, bits = conv_cases()[case]
    bias = tensor(6) if with_bias else None
    torch.library.opcheck(op.default, (tensor(2, 4, 7, 8), *weights, bias, *GEOMETRY, *bits))
    op, weights, bits = linear_cases()[case]
    bias = tensor(3) if with_bias else None
    torch.library.opcheck(op.default, (tensor(2, 5, 6), *weights, bias, *bits))


def test_schemas_are_what_the_importer_reads():
    geometry = "int[] stride, int[] padding, int[] dilation, int groups"
    bits = "int weight_bits, int integer_bits, int fraction_bits"
    expected = {
        "shift_conv2d": f"Tensor x, Tensor weight, Tensor? bias, {geometry}, {bits}",
        "shift_conv2d_ps": f"Tensor x, Tensor shift, Tensor sign, Tensor? bias, {geometry}, {bits}",
        "shift_linear": f"Tensor x, Tensor weight, Tensor? bias, {bits}",
        "shift_linear_ps": f"Tensor x, Tensor shift, Tensor sign, Tensor? bias, {bits}",
        "adder_conv2d": f"Tensor x, Tensor adder, Tensor? bias, {geometry}",
        "adder_linear": "Tensor x, Tensor adder, Tensor? bias",
    }
    for name, arguments in expected.items():
        schema = str(getattr(ops, name).default._schema)
        assert schema == f"slipstick::{name}({arguments}) -> Tensor"


class Network(nn.Module):
    """One layer of each kind and method, each under its own name."""

    def __init__(self):
        super().__init__()
        self.a = ShiftConv2d(2, 4, 3, padding="same")
        self.b = ShiftConv2d(4, 4, 3, stride=2, padding=1, groups=2, method="ps")
        self.c = AdderConv2d(4, 6, 3, padding=(0, 1))
        self.d = ShiftLinear(6 * 2 * 4, 8)
        self.e = AdderLinear(8, 8)
        self.f = ShiftLinear(8, 3, method="ps")

    def forward(self, x):
        x = self.c(self.b(self.a(x))).flatten(1)
        return self.f(self.e(self.d(x)))


@pytest.mark.parametrize("dynamic", [True, False])
def test_export_keeps_one_call_a_layer_and_round_trips(tmp_path, dynamic):
    network = Network().eval()
    x = torch.randn(2, 2, 8, 8)
    shapes = ({0: torch.export.Dim("N")},) if dynamic else None
    program = torch.export.export(network, (x,), dynamic_shapes=shapes)
    file = tmp_path / "network.pt2"
    torch.export.save(program, file)
    loaded = torch.export.load(file)
    calls = [node.target for node in loaded.graph.nodes if "slipstick" in str(node.target)]
    expected = "shift_conv2d shift_conv2d_ps adder_conv2d shift_linear adder_linear shift_linear_ps"
    assert calls == [getattr(ops, name).default for name in expected.split()]
    assert list(loaded.state_dict) == list(network.state_dict())
    more = torch.randn(5 if dynamic else 2, 2, 8, 8)
    assert torch.equal(loaded.module()(more), network(more))


def test_one_image_without_batch_exports():
    layer = ShiftConv2d(2, 3, 3).eval()
    x = torch.randn(2, 6, 6)
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), layer(x))
