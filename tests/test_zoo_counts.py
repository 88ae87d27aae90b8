"""Operation counts by hand and as published; energies and the ratios they give."""

import pytest
import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.nn import (
    AdderConv2d,
    APoTConv2d,
    APoTLinear,
    DenseShiftConv2d,
    FixedShiftConv2d,
    S3Conv2d,
    ShiftConv2d,
    ShiftLinear,
    SparseShift,
)
from slipstick.zoo import NETWORKS, Work, build, count
from slipstick.zoo.apot import FirstConv2d, LastLinear
from slipstick.zoo.comparison import energy_ratios, ratios, shiftresnet_flops, unit_ratios
from slipstick.zoo.energy import (
    FIX8,
    FORMATS,
    FP32,
    OPERATIONS,
    PLATFORMS,
    UNIT_ENERGY,
    Formats,
    energy,
    unit_energy,
)


def total(module, *shape):
    return count(module, shape).total


# By hand. A 3x3 layer from 2 to 4 channels on 5x5 values, padded: 18 taps at 100 values.


def test_convolution():
    assert total(nn.Conv2d(2, 4, 3, padding=1), 2, 5, 5) == Work(
        taps=1800, multiplications=1800, additions=1800, weights=72 + 4, reads=50, writes=100
    )


@pytest.mark.parametrize("method", ["q", "ps"])
def test_shift_convolution(method):
    layer = ShiftConv2d(2, 4, 3, padding=1, bias=False, method=method)
    assert total(layer, 2, 5, 5) == Work(
        taps=1800, additions=1800, shifts=1800, weights=72, reads=50, writes=100
    )


@pytest.mark.parametrize("kind", [S3Conv2d, DenseShiftConv2d, FixedShiftConv2d])
def test_other_shift_convolutions_are_alike(kind):
    assert total(kind(2, 4, 3, padding=1), 2, 5, 5) == Work(
        taps=1800, additions=1800, shifts=1800, weights=72 + 4, reads=50, writes=100
    )


@pytest.mark.parametrize(("bits", "terms"), [(2, 1), (3, 1), (4, 2), (5, 2)])
def test_additive_layers_have_an_operation_a_term(bits, terms):
    layer = APoTConv2d(2, 4, 3, padding=1, bias=False, weight_bits=bits, activation_bits=bits)
    work = Work(taps=1800, additions=1800 * terms, shifts=1800 * terms, weights=72)
    # The rounding of the input reads and writes 50 values.
    assert total(layer, 2, 5, 5) == work + Work(reads=100, writes=150)
    layer = APoTLinear(6, 3, weight_bits=bits)
    assert total(layer, 6) == Work(18, 0, 18 * terms, 18 * terms, 21, 6, 3)


def test_what_depends_on_weights_alone_is_not_counted():
    assert total(FirstConv2d(2, 4, 3), 2, 5, 5) == total(nn.Conv2d(2, 4, 3), 2, 5, 5)
    assert total(LastLinear(6, 3), 6) == total(nn.Linear(6, 3), 6)


def test_adder_convolution_adds_twice_a_tap():
    layer = AdderConv2d(2, 4, 3, padding=1, bias=False)
    assert total(layer, 2, 5, 5) == Work(
        taps=1800, additions=3600, weights=72, reads=50, writes=100
    )


def test_stride_and_groups():
    layer = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2, bias=False)
    assert total(layer, 4, 6, 6).taps == 2 * 9 * 8 * 3 * 3


def test_linear_layers():
    assert total(nn.Linear(6, 3), 6) == Work(18, 18, 18, 0, 21, 6, 3)
    assert total(ShiftLinear(6, 3), 6) == Work(18, 0, 18, 18, 21, 6, 3)


def test_batch_norm_addition_and_moves():
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(2)
            self.shift = SparseShift(2)

        def forward(self, x):
            return torch.relu(self.shift(self.norm(x)) + x)

    counts = count(Small(), (2, 3, 3))
    assert [(layer.name, layer.kind) for layer in counts.layers] == [
        ("norm", "batch_norm"),
        ("shift", "move"),
        ("add", "add"),
        ("relu", "relu"),
    ]
    assert [layer.work for layer in counts.layers] == [
        Work(multiplications=18, additions=18, weights=4, reads=18, writes=18),
        Work(weights=4, reads=18, writes=18),
        Work(additions=18, reads=36, writes=18),
        Work(reads=18, writes=18),
    ]


def test_pools():
    assert total(nn.AvgPool2d(2), 2, 4, 4) == Work(additions=32, shifts=8, reads=32, writes=8)
    assert total(nn.AvgPool2d(3), 2, 3, 3) == Work(
        additions=18, multiplications=2, reads=18, writes=2
    )
    assert total(nn.AdaptiveAvgPool2d(1), 2, 4, 4) == Work(
        additions=32, shifts=2, reads=32, writes=2
    )
    assert total(nn.MaxPool2d(2), 2, 4, 4) == Work(reads=32, writes=8)


def test_names_are_those_of_the_modules():
    names = [layer.name for layer in count(build("shiftaddnet_resnet20"), (3, 32, 32)).layers]
    assert {"conv1", "layer1.0.conv1.0", "layer1.0.conv1.1", "layer2.0.downsample.1"} <= set(names)
    assert "layer1.0.add" in names
    assert len(names) == len(set(names))


def test_counting_leaves_the_module_as_it_was():
    module = build("shiftresnet20_e1").train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    count(module, (3, 32, 32))
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_operators_without_a_rule_are_refused():
    with pytest.raises(SlipstickError, match=r"Layer '1'.*aten\.sigmoid"):
        count(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid()), (1, 2, 2))


# As published.


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("shiftnet_a", 0.02),
        ("shiftnet_b", 0.001),
        ("addernet_resnet18", 0.01),
        ("addernet_resnet20", 0.01),
        ("addernet_lenet5", 0.05),
        ("addressnet20", 0.06),
        ("addressnet44", 0.08),
    ],
)
def test_published_multiply_adds(name, within):
    network = NETWORKS[name]
    taps = total(build(name, classes=network.classes), *network.input_shape).taps
    assert taps == pytest.approx(network.published.multiply_adds, rel=within)


def test_adder_layers_double_the_additions_of_resnet20():
    adders = count(build("addernet_resnet20"), (3, 32, 32))
    multiplied = sum(layer.work.taps for layer in adders.layers if layer.kind == "multiply")
    added = sum(layer.work.additions for layer in adders.layers if layer.kind == "adder")
    assert multiplied == 3 * 16 * 9 * 1024 + 64 * 10
    assert added == 2 * (adders.total.taps - multiplied)


def test_published_flops_of_shiftresnet_are_explained():
    row = shiftresnet_flops()
    (ours,) = row.ours.values()
    published = int(row.published.replace(",", ""))
    assert published - ours == 147_456 == (9 * 64 - 3 * 9 * 16) * 32 * 32


# Energy.


def test_every_cell_has_a_source():
    for (platform, operation, number_format), cell in UNIT_ENERGY.items():
        assert platform in PLATFORMS
        assert operation in OPERATIONS
        assert number_format in FORMATS
        assert cell.picojoules > 0
        assert cell.confidence in ("read", "derived", "remembered")
        assert cell.source


def test_unknown_cells_are_errors():
    with pytest.raises(SlipstickError, match=r"FIX16 shift.*known formats: FIX32, FIX8"):
        unit_energy("zc706", "shift", "FIX16")
    with pytest.raises(SlipstickError, match=r"FP32 shift"):
        energy(Work(shifts=1), "asic45", Formats("FP32", "FP32", "FP32"))
    assert energy(Work(additions=1), "asic45", Formats("?", "FP32", "?")) == 0.9


def test_energy_of_operations():
    work = Work(multiplications=10, additions=100, shifts=1000, reads=5, weights=5)
    assert energy(work, "asic45", FIX8) == pytest.approx(10 * 0.2 + 100 * 0.03 + 1000 * 0.024)
    assert energy(work, "zc706", FP32) == pytest.approx(10 * 18.8 + 100 * 0.4 + 1000 * 0.1)


def test_unit_ratios_are_the_published_ones():
    for row in unit_ratios():
        (ours,) = row.ours.values()
        assert float(f"{ours:.2g}" if ours < 100 else f"{ours:.0f}") == float(row.published)


def test_energy_ratios():
    found = {row.name: row for row in energy_ratios()}
    adder = found["ShiftAddNet FIX8 against AdderNet FP32"].ours
    assert -75.0 < adder["zc706 resnet20"] < -65.1
    multiply = found["ShiftAddNet FIX8 against the multiplying network FP32"].ours
    assert max(multiply.values()) < -80
    # What the table cannot give is shown, and not claimed.
    assert found["ShiftAddNet FIX8 against DeepShift"].ours["zc706 resnet20"] > 0
    assert not found["ShiftAddNet with fixed shifts against AdderNet, DeepShift"].ours


def test_every_ratio_is_explained():
    assert all(row.explanation and row.published for row in ratios())
