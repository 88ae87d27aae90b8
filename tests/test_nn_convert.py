"""`convert`: which layers are replaced, by what, and that nothing else changes."""

import pytest
import torch
from torch import nn

from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear, convert
from slipstick.nn.quantisers import shift_weight_ps, shift_weight_q


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding="same")
        self.body = nn.Sequential(
            nn.Conv2d(8, 12, (5, 3), 2, (2, 1), groups=4, bias=False), nn.BatchNorm2d(12)
        )
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


def test_shift_takes_the_weights_over(network):
    q = convert(network, "shift", weight_bits=4)
    ps = convert(network, "shift", method="ps")
    for name, kind in [("stem", ShiftConv2d), ("body.0", ShiftConv2d), ("head", ShiftLinear)]:
        old, q_layer, ps_layer = (net.get_submodule(name) for net in (network, q, ps))
        assert type(q_layer) is type(ps_layer) is kind
        assert q_layer.weight_bits == 4
        assert torch.equal(q_layer.weight, old.weight)
        expected = shift_weight_q(old.weight, 5)
        assert torch.equal(shift_weight_ps(ps_layer.shift, ps_layer.sign, 5), expected)
        if old.bias is None:
            assert q_layer.bias is ps_layer.bias is None
        else:
            assert torch.equal(q_layer.bias, old.bias)


def test_adder_takes_the_weights_over(network):
    new = convert(network, "adder")
    assert type(new.stem) is type(new.body[0]) is AdderConv2d
    assert type(new.head) is AdderLinear
    assert torch.equal(new.body[0].adder, network.body[0].weight)
    assert torch.equal(new.head.bias, network.head.bias)


def test_shiftadd_makes_pairs(network):
    new = convert(network, "shiftadd", method="ps")
    shift, adder = new.body[0]
    assert type(shift) is ShiftConv2d
    assert type(adder) is AdderConv2d
    assert (shift.stride, shift.padding, shift.groups) == ((2, 2), (2, 1), 4)
    assert (adder.in_channels, adder.out_channels, adder.kernel_size) == (12, 12, (5, 3))
    # k//2, as in the released code
    assert (adder.stride, adder.sides, adder.groups) == ((1, 1), (2, 2, 1, 1), 1)
    assert type(new.head) is ShiftLinear


@pytest.mark.parametrize("kind", ["shift", "adder", "shiftadd"])
def test_shapes_stay_and_the_original_is_untouched(network, kind):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        expected = network.eval()(x)
        assert convert(network, kind)(x).shape == expected.shape
    assert type(network.stem) is nn.Conv2d
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_skipped_layers_stay(network):
    new = convert(network, "adder", skip=["stem", "head"])
    assert type(new.stem) is nn.Conv2d
    assert type(new.head) is nn.Linear
    assert type(new.body[0]) is AdderConv2d


def test_other_modules_are_copied_as_they_are(network):
    network.body[1].running_mean.fill_(3.0)
    new = convert(network.eval())
    assert type(new.body[1]) is nn.BatchNorm2d
    assert new.body[1] is not network.body[1]
    assert new.body[1].running_mean.tolist() == [3.0] * 12
    assert not any(module.training for module in new.modules())


def test_a_layer_by_itself():
    assert type(convert(nn.Linear(3, 2))) is ShiftLinear
    assert [type(layer) for layer in convert(nn.Conv2d(1, 2, 3), "shiftadd")] == [
        ShiftConv2d,
        AdderConv2d,
    ]


def test_a_shared_layer_stays_shared():
    layer = nn.Linear(3, 3)
    new = convert(nn.Sequential(layer, nn.ReLU(), layer))
    assert new[0] is new[2]
    assert type(new[0]) is ShiftLinear


def test_type_is_kept():
    assert convert(nn.Linear(3, 2, dtype=torch.float64)).weight.dtype == torch.float64


def test_zero_weights_stay_zero():
    layer = nn.Linear(2, 1)
    nn.init.zeros_(layer.weight)
    ps = convert(layer, method="ps")
    assert shift_weight_ps(ps.shift, ps.sign, 5).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "multiply"}, "Kind must be one of shift, adder, shiftadd, not 'multiply'"),
        ({"skip": ["tail"]}, "Skip must name layers of the module, not 'tail'"),
        ({"weight_bits": 1}, "Weight bits must be at least 2, not 1"),
    ],
)
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        convert(network, **arguments)


def test_bad_padding_mode():
    with pytest.raises(ValueError, match="Padding mode must be 'zeros', not 'reflect'"):
        convert(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"))
