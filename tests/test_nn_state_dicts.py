"""State dicts under the names of the DeepShift, AdderNet and ShiftAddNet repositories."""

import pytest
import torch
from torch import nn

from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear


def values(**shapes):
    return {name: torch.rand(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (ShiftConv2d(4, 6, 3, groups=2), {"weight": (6, 2, 3, 3), "bias": (6,)}),
        (ShiftConv2d(4, 6, (1, 5), bias=False, method="ps"), {"shift": (6, 4, 1, 5)}),
        (ShiftLinear(4, 6), {"weight": (6, 4), "bias": (6,)}),
        (ShiftLinear(4, 6, method="ps"), {"shift": (6, 4), "bias": (6,)}),
        (AdderConv2d(4, 6, 3), {"adder": (6, 4, 3, 3), "b": (6,)}),
        (AdderConv2d(4, 6, 3), {"adder": (6, 4, 3, 3), "bias": (6,)}),
        (AdderConv2d(4, 6, 3, bias=False), {"adder": (6, 4, 3, 3)}),
        (AdderLinear(4, 6), {"adder": (6, 4), "b": (6,)}),
    ],
)
def test_upstream_names_load_strictly(layer, shapes):
    if "shift" in shapes:
        shapes = shapes | {"sign": shapes["shift"]}
    state = values(**shapes)
    network = nn.Sequential(nn.Sequential(layer))
    network.load_state_dict({f"0.0.{name}": value for name, value in state.items()}, strict=True)
    loaded = dict(layer.named_parameters())
    for name, value in state.items():
        assert torch.equal(loaded["bias" if name == "b" else name], value)


def test_loading_leaves_the_callers_dict_alone():
    state = values(adder=(6, 4), b=(6,))
    AdderLinear(4, 6).load_state_dict(state)
    assert sorted(state) == ["adder", "b"]


def test_shiftaddnet_block():
    block = nn.Sequential(
        ShiftConv2d(4, 6, 3, bias=False, method="ps"), AdderConv2d(6, 6, 3, bias=False)
    )
    shape = (6, 4, 3, 3)
    state = values(**{"0.shift": shape, "0.sign": shape, "1.adder": (6, 6, 3, 3)})
    block.load_state_dict(state, strict=True)
    assert list(block.state_dict()) == ["0.shift", "0.sign", "1.adder"]


def test_wrong_names_and_shapes_are_refused():
    with pytest.raises(RuntimeError, match="Unexpected key"):
        AdderLinear(4, 6).load_state_dict(values(adder=(6, 4), b=(6,), other=(1,)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        AdderLinear(4, 6).load_state_dict(values(adder=(6, 5), b=(6,)))


@pytest.mark.parametrize("method", ["q", "ps"])
def test_own_state_round_trips(method):
    first, second = (ShiftConv2d(2, 3, 3, method=method) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 2, 5, 5)
    assert torch.equal(first(x), second(x))
