"""The power-of-two gate as a layer: values, gradients, and one call in an exported program."""

import math
import re

import pytest
import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import FloatGate, export_module, import_program, run_float
from slipstick.nn import GatedExcitation, PowerOfTwoGate, ShiftLinear
from slipstick.nn.gate_ops import gate_limits, power_of_two_gate


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def tensors(levels, dtype=torch.float64):
    """An image and logits on both sides of all limits."""
    x = torch.randn(4, 30, 3, 2, dtype=dtype)
    z = torch.linspace(1.5 * gate_limits(levels)[-1] - 1, 3, 120, dtype=dtype).reshape(4, 30)
    return x.requires_grad_(), z.requires_grad_()


@pytest.mark.parametrize("levels", [2, 3, 8, 16])
def test_gate_is_the_sigmoid_rounded_to_a_power_of_two(levels):
    x, z = tensors(levels)
    exponent = torch.round(-torch.log2(torch.sigmoid(z))).clamp(0, levels - 1)
    assert set(exponent.unique().tolist()) == set(range(levels))
    expected = x * torch.exp2(-exponent)[:, :, None, None]
    assert torch.equal(PowerOfTwoGate(levels)(x, z), expected)
    assert torch.equal(PowerOfTwoGate(levels)(x, z[:, :, None, None]), expected)


def test_limits_are_where_the_rounding_changes():
    limits = gate_limits(8)
    for above, limit in enumerate(limits):
        assert -math.log2(1 / (1 + math.exp(-limit))) == pytest.approx(above + 0.5, abs=1e-12)
        x = torch.ones(1, 2, 1, 1, dtype=torch.float64)
        z = torch.tensor([[limit, math.nextafter(limit, -math.inf)]], dtype=torch.float64)
        found = power_of_two_gate(x, z, 8).flatten().tolist()
        assert found == [2.0**-above, 2.0 ** -(above + 1)]


def test_logits_of_single_precision_are_compared_exactly():
    limit = gate_limits(3)[0]
    z = torch.tensor([[limit]], dtype=torch.float32)
    gate = power_of_two_gate(torch.ones(1, 1, 1, 1), z, 3).item()
    assert gate == (0.5 if z.double().item() < limit else 1.0)


def test_gradients_pass_straight_through_the_rounding():
    x, z = tensors(8)
    upstream = torch.randn_like(x)
    power_of_two_gate(x, z, 8).backward(upstream)
    gate = power_of_two_gate(torch.ones_like(x), z, 8).detach()
    assert torch.equal(x.grad, upstream * gate)
    smooth_z = z.detach().requires_grad_()
    smooth = x.detach() * torch.sigmoid(smooth_z)[:, :, None, None]
    smooth.backward(upstream)
    torch.testing.assert_close(z.grad, smooth_z.grad)


def test_opcheck():
    x, z = tensors(4, torch.float32)
    torch.library.opcheck(torch.ops.slipstick.power_of_two_gate.default, (x, z, 4))
    schema = str(torch.ops.slipstick.power_of_two_gate.default._schema)
    assert schema == "slipstick::power_of_two_gate(Tensor x, Tensor z, int levels) -> Tensor"


@pytest.mark.parametrize("linear", [nn.Linear, ShiftLinear])
def test_excitation_computes_its_logits(linear):
    layer = GatedExcitation(10, reduction=3, levels=4, linear=linear)
    assert type(layer.fc1) is type(layer.fc2) is linear
    assert (layer.fc1.out_features, layer.fc2.out_features) == (3, 10)
    x = torch.randn(2, 10, 4, 5)
    z = layer.fc2(torch.relu(layer.fc1(x.mean((2, 3)))))
    assert torch.equal(layer(x), power_of_two_gate(x, z, 4))


def test_excitation_of_few_channels_keeps_a_feature():
    assert GatedExcitation(3, reduction=8).fc1.out_features == 1


def test_excitation_learns_which_channel_to_pass():
    """Channel 0 is wanted in bright images, channel 1 in dark ones: no fixed scale can do that."""
    layer = GatedExcitation(2, reduction=1, levels=6)
    optimiser = torch.optim.Adam(layer.parameters(), 0.05)
    bright = (torch.arange(64) % 2).double().float()
    x = torch.stack([bright + 0.5, 1.5 - bright], 1)[:, :, None, None].expand(-1, -1, 3, 3)
    wanted = x * torch.stack([bright, 1 - bright], 1)[:, :, None, None]
    losses = []
    for _ in range(150):
        loss = (layer(x) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


class Gated(nn.Module):
    def __init__(self, levels=5):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.excite = GatedExcitation(6, 2, levels)

    def forward(self, x):
        return self.excite(self.conv(x))


def test_exported_gate_is_one_node_between_its_branches():
    model = Gated().eval()
    images = torch.randn(3, 3, 7, 6)
    graph = import_program(export_module(model, images))
    gate = graph["excite.gate"]
    assert isinstance(gate, FloatGate)
    assert gate.limits == gate_limits(5)
    assert gate.inputs == ("conv", "excite.gate.logits")
    assert graph["excite.gate.logits"].inputs == ("excite.fc2",)
    found = run_float(graph, images)[graph.output]
    torch.testing.assert_close(found, model(images))


@pytest.mark.parametrize(("levels", "error"), [(1, ValueError), (17, ValueError), (2.0, TypeError)])
def test_levels_must_be_in_range(levels, error):
    with pytest.raises(error, match=r"^Levels must be "):
        PowerOfTwoGate(levels)


def test_shapes_must_fit():
    gate = PowerOfTwoGate()
    image = torch.ones(2, 3, 4, 4)
    for shape in [(2, 4), (1, 3), (3,), (2, 3, 1), (2, 3, 4, 4), (2, 3, 1, 2)]:
        message = f"Logits must have shape (2, 3), not {shape}"
        with pytest.raises(ValueError, match=re.escape(message)):
            gate(image, torch.ones(shape))
    with pytest.raises(ValueError, match=r"^Input must have shape \(N, C, H, W\), not \(2, 3\)"):
        gate(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"^Levels must be in 2 to 16, not 1"):
        power_of_two_gate(image, torch.ones(2, 3), 1)
    with pytest.raises(ValueError, match=r"^Reduction must be at least 1, not 0"):
        GatedExcitation(4, 0)


def test_edited_levels_are_refused():
    program = export_module(Gated().eval(), torch.randn(2, 3, 7, 6))
    for node in program.graph.nodes:
        if node.target is torch.ops.slipstick.power_of_two_gate.default:
            node.args = (*node.args[:2], 40)
    with pytest.raises(SlipstickError, match=r"'excite.gate': it has 40 levels; supported"):
        import_program(program)
