"""Shift, sparse shift and AddressNet networks: every layer of the Verilog is the golden model's."""

import functools

import pytest
import torch
from torch import nn

import slipstick
from slipstick.nn import (
    AdderConv2d,
    AddressShift,
    ChannelShift,
    GroupedShift,
    ShiftConv2d,
    SparseShift,
)
from slipstick.zoo.shiftnet import ShiftModule
from slipstick.zoo.shiftresnet import ShiftBlock as CodeBlock


class ShiftBlock(nn.Module):
    """1x1, spatial shift, strided 1x1, beside a projection (Shift, CVPR 2018)."""

    def __init__(self, shift, inputs, outputs, stride):
        super().__init__()
        middle = 3 * outputs
        self.conv1 = ShiftConv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.shift = shift(middle)
        self.conv2 = ShiftConv2d(middle, outputs, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        y = self.shift(torch.relu(self.bn1(self.conv1(x))))
        return torch.relu(self.bn2(self.conv2(y))) + self.shortcut(x)


class Shifting(nn.Module):
    """A stem and two blocks; an average and a classifier."""

    def __init__(self, shift):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.blocks = nn.Sequential(ShiftBlock(shift, 6, 6, 1), ShiftBlock(shift, 6, 9, 2))
        self.head = nn.Linear(9, 5)

    def forward(self, x):
        return self.head(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))


class Addressing(nn.Module):
    """Grouped 1x1, channel shift, address shift, grouped 1x1; an adder layer on a slice."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(12, 24, 1, groups=3)
        self.rotate = ChannelShift(24, 5)
        self.move = AddressShift(24, "rluds")
        self.conv2 = ShiftConv2d(24, 12, 1, groups=4)
        self.adder = AdderConv2d(5, 8, 1)

    def forward(self, x):
        y = self.move(self.rotate(torch.relu(self.conv1(x))))
        return self.adder((x + self.conv2(y))[:, 3:8])


def learnt(channels):
    """Displacements as SSL learns them: most of them none, a few far."""
    layer = SparseShift(channels)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.4)
        layer.alpha[:2] = torch.tensor([3.0, -2.0])
        layer.beta[1] = 4.0
    return layer


class Padding(nn.Module):
    """A shortcut without weights: every other pixel, and channels of zeros (He et al. 2016)."""

    def __init__(self):
        super().__init__()
        self.conv1 = ShiftConv2d(4, 7, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(7)
        self.conv2 = ShiftConv2d(7, 5, 1)

    def forward(self, x):
        shortcut = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 2))
        return self.conv2(torch.relu(self.bn1(self.conv1(x)) + shortcut))


DILATED = functools.partial(GroupedShift, dilation=2, order="contiguous")


@pytest.mark.filterwarnings("ignore:no calibration images")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: CodeBlock(10, 9, 2, expansion=2, shift=DILATED, sc2=True), "shift-add"),
        # What stands between its shifts and its 1x1 layers makes the shifts stages.
        pytest.param(
            lambda: ShiftModule(10, 20, 2, 2, 3, dilation=2, order="contiguous", sc2=True),
            "move",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["code", "paper"],
)
def test_halving_sc2_module_is_bit_exact(make, kind, tmp_path):
    torch.manual_seed(0)
    model = make()
    model.train()(torch.randn(8, 10, 11, 9))
    images = torch.randn(2, 10, 11, 9)
    build = slipstick.compile(model.eval(), images, output=tmp_path / "build")
    kinds = {stage.nodes[0]: stage.kind for stage in build.manifest.stages}
    assert kinds["shift1"] == kinds["shift2"] == kind
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())


def test_shortcut_of_every_other_pixel_and_zeros_is_bit_exact(tmp_path):
    torch.manual_seed(0)
    model = Padding()
    model.train()(torch.randn(8, 4, 9, 11))
    images = torch.randn(2, 4, 9, 11)
    with pytest.warns(UserWarning, match="no calibration images"):
        build = slipstick.compile(model.eval(), images, output=tmp_path / "build")
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())


@pytest.mark.filterwarnings("ignore:no calibration images")
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Shifting(GroupedShift), (3, 11, 9)),
        (lambda: Shifting(learnt), (3, 9, 10)),
        (Addressing, (12, 7, 9)),
    ],
    ids=["shift", "ssl", "addressnet"],
)
def test_network_of_moves_is_bit_exact(make, shape, tmp_path):
    torch.manual_seed(0)
    model = make()
    model.train()(torch.randn(8, *shape))
    images = torch.randn(2, *shape)
    build = slipstick.compile(model.eval(), images, output=tmp_path / "build")
    result = build.simulate(fast=True, frames=3)
    assert result.layers_compared == len(build.manifest.stages)
    assert (result.mismatches, result.violations) == (0, ())
    members = {stage.nodes[0]: stage.kind for stage in build.manifest.stages}
    # A move that a 1x1 layer reads is part of that layer's stage.
    moved = [name for name in members if "shift" in name or name in ("move", "slice_1")]
    assert moved
    assert all(members[name] in ("shift", "l1") for name in moved)
