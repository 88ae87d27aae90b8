"""Pruned weights: which, how many, and that they stay zero."""

import pytest
import torch
from torch import nn

from slipstick.nn import (
    AdderConv2d,
    ShiftConv2d,
    ShiftLinear,
    hold_zeros,
    prune,
    shift_weight_ps,
    shift_weight_q,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(8)


def shift_add(method="q"):
    return nn.Sequential(
        ShiftConv2d(2, 4, 3, bias=False, method=method),
        AdderConv2d(4, 4, 3, bias=False),
        nn.Flatten(),
        ShiftLinear(4 * 2 * 2, 3, method=method),
    )


def test_smallest_weights_of_all_layers_go():
    module = shift_add()
    before = {name: weight.clone() for name, weight in module.named_parameters()}
    masks = prune(module, "shift", 0.25)
    assert set(masks) == {"0.weight", "3.weight"}
    sizes = torch.cat([before[name].abs().flatten() for name in masks])
    kept = torch.cat([mask.flatten() for mask in masks.values()]).bool()
    assert int((~kept).sum()) == round(0.25 * len(sizes)) == 30
    assert sizes[~kept].max() <= sizes[kept].min()
    for name, mask in masks.items():
        assert torch.equal(module.get_parameter(name), before[name] * mask)
    # Neither the adder layer nor the bias.
    assert torch.equal(module[1].adder, before["1.adder"])
    assert torch.equal(module[3].bias, before["3.bias"])


def test_pruned_taps_of_shift_layers_are_none():
    q, ps = shift_add("q"), shift_add("ps")
    masks = prune(q, "shift", 0.5) | prune(ps, "shift", 0.75)
    weight = shift_weight_q(q[0].weight, 5)
    assert torch.equal(weight == 0, masks["0.weight"] == 0)
    # Half the signs are zero anyway; those go first.
    weight = shift_weight_ps(ps[0].shift, ps[0].sign, 5)
    assert torch.equal(weight == 0, masks["0.sign"] == 0)


def test_pruned_taps_of_adder_layers_still_count_their_input():
    module = nn.Sequential(AdderConv2d(2, 3, 1, bias=False))
    x = torch.randn(1, 2, 1, 1)
    masks = prune(module, "adder", 0.5)
    assert int((masks["0.adder"] == 0).sum()) == 3
    expected = -(x - module[0].adder).abs().sum((1, 2, 3))
    torch.testing.assert_close(module(x).flatten(), expected)


@pytest.mark.parametrize(("kind", "method"), [("shift", "q"), ("shift", "ps"), ("adder", "q")])
def test_zeros_stay_through_training(kind, method):
    module = shift_add(method)
    masks = prune(module, kind, 0.5)
    optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9, weight_decay=1e-3)
    for _ in range(3):
        optimiser.zero_grad()
        module(torch.randn(8, 2, 6, 6)).square().sum().backward()
        optimiser.step()
        moved = [(module.get_parameter(name)[mask == 0] != 0).any() for name, mask in masks.items()]
        assert all(moved), "the optimiser would bring them back"
        hold_zeros(module, masks)
        for name, mask in masks.items():
            assert (module.get_parameter(name)[mask == 0] == 0).all()
            assert (module.get_parameter(name)[mask == 1] != 0).any()


def test_a_layer_by_itself():
    layer = AdderConv2d(2, 3, 1, bias=False)
    assert set(prune(layer, "adder", 0.5)) == {"adder"}
    assert int((layer.adder == 0).sum()) == 3


@pytest.mark.parametrize(
    ("kind", "share", "message"),
    [
        ("add", 0.5, "Kind must be one of shift, adder, not 'add'"),
        ("shift", 1.0, "Share must be from 0 to below 1, not 1.0"),
        ("adder", 0.5, "Module must have layers of kind 'adder'"),
    ],
)
def test_refusals(kind, share, message):
    with pytest.raises(ValueError, match=message):
        prune(nn.Sequential(ShiftLinear(2, 2)), kind, share)
