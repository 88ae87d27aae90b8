"""The zoo: published parameter counts, released parameter names, and every network runs."""

import re

import pytest
import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import export_module, import_program
from slipstick.nn import FixedShiftConv2d
from slipstick.zoo import NETWORKS, SYSTEMS, build, find
from slipstick.zoo.apot import FirstConv2d

LARGE = re.compile(
    "shiftresnet110|shiftresnet56_(e[369]|paper)|resnet18|resnet34|resnet50|vgg|mhealth|diracdeltanet"
).search
"""Names of networks that take seconds to export."""


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def keys(name, **options):
    return set(build(name, **options).state_dict())


def batch_norm(*names):
    parts = "weight bias running_mean running_var num_batches_tracked".split()
    return {f"{name}.{part}" for name in names for part in parts}


# Counts.

SHIFTRESNETS = {
    "shiftresnet20_e1": 34_906,
    "shiftresnet20_e3": 95_642,
    "shiftresnet20_e6": 186_746,
    "shiftresnet20_e9": 277_850,
    "shiftresnet56_e1": 102_106,
    "shiftresnet56_e3": 294_554,
    "shiftresnet56_e6": 583_226,
    "shiftresnet56_e9": 871_898,
    "shiftresnet110_e1": 202_906,
    "shiftresnet110_e3": 592_922,
    "shiftresnet110_e6": 1_177_946,
    "shiftresnet110_e9": 1_762_970,
}


@pytest.mark.parametrize("name", SHIFTRESNETS)
def test_shiftresnets_have_the_published_parameters(name):
    assert parameters(build(name)) == SHIFTRESNETS[name] == NETWORKS[name].published.parameters
    assert parameters(build(name, classes=100)) == SHIFTRESNETS[name] + 5_850


def test_expansion_is_an_option_too():
    assert parameters(build("shiftresnet20_e1", expansion=9)) == 277_850


def test_shifts_have_no_parameters():
    assert keys("shiftresnet20_sc2_e3") == keys("shiftresnet20_e3")
    assert parameters(build("shiftresnet20_sc2_e3")) == 95_642
    assert keys("shiftnet_b", sc2=True, dilation=2) == keys("shiftnet_b")


def test_parameters_by_the_papers_rule():
    def module(inputs, made):
        middle = 6 * made
        return 2 * inputs + inputs * middle + 2 * middle + middle * made

    expected = 3 * 9 * 16 + 2 * 64 + 64 * 10 + 10
    expected += 3 * module(16, 16) + module(16, 16) + 2 * module(32, 32)
    expected += module(32, 32) + 2 * module(64, 64)
    assert parameters(build("shiftresnet20_paper_e6")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # torchvision's counts of the multiplying networks, and BatchNorm on 1000 logits.
        ("addernet_resnet18", 11_689_512 + 2_000),
        ("addernet_resnet50", 25_557_032 + 2_000),
        # akamaster's counts, which DeepShift's networks are taken from.
        ("deepshift_resnet20", 269_722),
        ("deepshift_resnet56", 853_018),
        ("deepshift_mnist_fc", 784 * 512 + 512 * 512 + 512 * 10 + 1034),
        # torchvision's, of which stem, BatchNorm and classifier have no decisions or bounds.
        ("s3_resnet18", 4 * 11_689_512 - 3 * (9_408 + 9_600 + 513_000)),
        ("s3_resnet50", 4 * 25_557_032 - 3 * (9_408 + 53_120 + 2_049_000)),
        ("denseshift_resnet18", 4 * 11_689_512 - 3 * (9_408 + 9_600 + 513_000)),
        ("apot_resnet18", 11_689_512 + 2 * 19),
        ("apot_resnet34", 21_797_672 + 2 * 35),
        ("apot_resnet50", 25_557_032 + 2 * 52),
        # akamaster's, and the six convolutions of the two projections.
        ("apot_resnet20", 269_722 + (16 + 2) * 32 + (32 + 2) * 64 + 2 * 20),
    ],
)
def test_other_parameter_counts(name, expected):
    assert parameters(build(name, classes=NETWORKS[name].classes)) == expected


def test_ps_has_two_values_a_weight():
    q, ps = (parameters(build("deepshift_resnet20", method=method)) for method in ("q", "ps"))
    others = 7 * 2 * 16 + 6 * 2 * 32 + 6 * 2 * 64 + 10
    assert ps == 2 * (q - others) + others


# Names.


def test_shiftresnet_keys():
    found = keys("shiftresnet20_e3")
    block = {"layer2.0.conv1.weight", "layer2.0.conv2.weight", "layer2.0.shortcut.0.weight"}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn2", "layer2.0.shortcut.1")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    outside = {"conv1.weight", "linear.weight", "linear.bias"} | batch_norm("bn1")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_sparse_shift_adds_two_keys_a_block():
    added = keys("shiftresnet_ssl20") - keys("shiftresnet20_e3")
    assert len(added) == 9 * 2
    assert {"layer1.0.shift2.alpha", "layer3.2.shift2.beta"} <= added


def test_addernet_resnet20_keys():
    found = keys("addernet_resnet20")
    assert len(found) == 132
    block = {"layer2.0.conv1.adder", "layer2.0.conv2.adder", "layer2.0.downsample.0.adder"}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.1")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    outside = {"conv1.weight", "fc.weight"} | batch_norm("bn1", "bn2")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_addernet_resnet50_keys():
    found = keys("addernet_resnet50")
    block = {f"layer1.0.conv{number}.adder" for number in (1, 2, 3)}
    block |= {"layer1.0.downsample.0.adder"}
    block |= batch_norm("layer1.0.bn1", "layer1.0.bn2", "layer1.0.bn3", "layer1.0.downsample.1")
    assert {key for key in found if key.startswith("layer1.0.")} == block
    assert {"fc.weight", "fc.bias"} <= found


def test_shiftaddnet_resnet20_keys():
    found = keys("shiftaddnet_resnet20")
    layers = ("conv1.0.shift", "conv1.0.sign", "conv1.1.adder")
    layers += ("conv2.0.shift", "conv2.0.sign", "conv2.1.adder")
    layers += ("downsample.0.shift", "downsample.0.sign", "downsample.1.adder")
    block = {f"layer2.0.{layer}" for layer in layers}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.2")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    outside = {"conv1.shift", "conv1.sign", "fc.shift", "fc.sign"} | batch_norm("bn1", "bn2")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_shiftaddnet_vgg_keys():
    found = keys("shiftaddnet_vgg19_small")
    assert {"features.0.0.shift", "features.0.1.adder", "features.1.weight"} <= found
    assert {"classifier.0.weight", "classifier.2.bias"} <= found
    assert sum(key.endswith(".adder") for key in found) == 16


def test_shiftaddnet_iot_keys():
    found = keys("shiftaddnet_iot_uschad")
    assert {"conv1.0.shift", "conv1.1.adder", "fc1.shift", "fc2.running_mean"} <= found
    assert "fc1.1.adder" in keys("shiftaddnet_iot_mhealth")


def test_shiftaddnet_keys_with_fixed_shifts():
    found = keys("shiftaddnet_resnet20", fixed=True)
    layers = ("conv1.0.weight", "conv1.1.adder", "conv2.0.weight", "conv2.1.adder")
    block = {f"layer2.0.{layer}" for layer in (*layers, "downsample.0.weight")}
    block |= {"layer2.0.downsample.1.adder"}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.2")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    outside = {"conv1.weight", "fc.weight"} | batch_norm("bn1", "bn2")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_other_networks_of_fixed_shifts():
    vgg = keys("shiftaddnet_vgg19_small", fixed=True)
    assert {"features.0.0.weight", "features.0.1.adder", "classifier.0.weight"} <= vgg
    for name in ("shiftaddnet_iot_uschad", "shiftaddnet_iot_mhealth"):
        outside = {"conv1.0.weight", "conv1.1.adder", "conv2.0.weight", "conv2.1.adder"}
        # Upstream's have no adder behind the classifier.
        outside |= {"fc1.weight"} | batch_norm("bn1", "bn2", "fc2")
        assert keys(name, fixed=True) == outside
        assert type(build(name, fixed=True).fc1) is FixedShiftConv2d


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("s3_resnet20", "weight weight_sign weight_val weight_shift weight_shift2"),
        ("denseshift_resnet20", "weight weight_sign weight_t1 weight_t2 weight_t3"),
        ("apot_resnet20", "weight act_alpha weight_quant.wgt_alpha"),
    ],
)
def test_keys_of_torchvision_with_other_layers(name, parts):
    found = keys(name)
    layers = ("conv1", "conv2", "downsample.0")
    block = {f"layer2.0.{layer}.{part}" for layer in layers for part in parts.split()}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.1")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    outside = {"conv1.weight", "fc.weight", "fc.bias"} | batch_norm("bn1")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_apot_without_activations_has_no_bounds():
    found = keys("apot_resnet20", activation_bits=None)
    assert found == {key for key in keys("apot_resnet20") if not key.endswith("act_alpha")}


def test_diracdeltanet_keys():
    found = keys("diracdeltanet")
    block = {f"layer2.0.{part}.weight" for part in ("conv1", "conv3", "shortcut.0")}
    block |= {f"layer2.0.{part}.scale_coef" for part in ("quant_act1", "quant_act2")}
    block |= {"layer2.0.shift2.kernel"}
    block |= batch_norm("layer2.0.bn1", "layer2.0.bn3", "layer2.0.shortcut.1")
    assert {key for key in found if key.startswith("layer2.0.")} == block
    assert not any(key.startswith("layer2.1.shortcut") for key in found)
    outside = {"conv1.weight", "conv2.weight", "conv3.weight", "linear.weight", "linear.bias"}
    outside |= {"quant_act1.scale_coef", "quant_act2.scale_coef", "quant_act3.scale_coef"}
    outside |= {"shift1.kernel", "shift2.kernel"} | batch_norm("bn1", "bn2", "bn3")
    assert {key for key in found if not key.startswith("layer")} == outside


def test_deepshift_keys():
    q, ps = keys("deepshift_resnet20"), keys("deepshift_resnet20", method="ps")
    assert {"layer3.2.conv2.weight", "linear.weight", "linear.bias"} <= q
    assert {"layer3.2.conv2.shift", "layer3.2.conv2.sign", "linear.sign", "linear.bias"} <= ps
    assert not any("shortcut" in key for key in q)
    projected = keys("deepshift_resnet20", shortcut="projection")
    assert {"layer2.0.shortcut.0.weight", "layer2.0.shortcut.1.bias"} <= projected
    assert {"feature.0.weight", "feature.1.bias", "classifier.bias"} <= keys("deepshift_vgg16")
    assert {"fc1.weight", "fc2.bias", "fc3.weight"} < keys("deepshift_mnist_fc")


# Forms.


def test_shiftresnet_relu_stands_before_the_addition():
    torch.manual_seed(0)
    block = build("shiftresnet20_e1").eval().layer1[1]
    x = -torch.rand(1, 16, 8, 8)
    y = torch.relu(block.bn2(block.conv2(block.shift2(torch.relu(block.bn1(block.conv1(x)))))))
    assert torch.equal(block(x), y + x)
    assert block(x).min() < 0
    other = build("shiftresnet20_e1", relu_after_add=True).eval().layer1[1]
    assert other(x).min() >= 0


def displaced(x, kernel, dilation):
    """The paper's shift, by slices of a padded image; channels are a multiple of the window."""
    half = kernel // 2 * dilation
    padded = nn.functional.pad(x, [half] * 4)
    height, width = x.shape[2:]
    parts = []
    for index, part in enumerate(padded.chunk(kernel**2, 1)):
        row, column = (dilation * place for place in divmod(index, kernel))
        parts.append(part[:, :, row : row + height, column : column + width])
    return torch.cat(parts, 1)


@pytest.mark.parametrize("name", ["shiftresnet20_e3", "shiftresnet20_paper_e6"])
def test_sc2_shifts_before_both_convolutions(name):
    torch.manual_seed(0)
    options = {"expansion": 9, "dilation": 2, "order": "contiguous"}
    block = build(name, sc2=True, **options).eval().layer2[1]
    x = torch.randn(1, 32, 9, 7)
    # Of 32 channels the five that remain belong to the block of the centre.
    moved = displaced(torch.cat([x[:, :15], x[:, 20:]], 1), 3, 2)
    moved = torch.cat([moved[:, :15], x[:, 15:20], moved[:, 15:]], 1)
    if name == "shiftresnet20_e3":
        y = displaced(torch.relu(block.bn1(block.conv1(moved))), 3, 2)
        y = torch.relu(block.bn2(block.conv2(y)))
    else:
        y = displaced(block.conv1(torch.relu(block.bn1(moved))), 3, 2)
        y = block.conv2(torch.relu(block.bn2(y)))
    with torch.no_grad():
        assert torch.equal(block(x), x + y)
    assert type(build(name, **options).layer2[1].shift1) is nn.Identity


def test_shiftresnets_take_a_kernel():
    for name in ("shiftresnet20_e3", "shiftresnet20_paper_e6"):
        block = build(name, kernel=5, sc2=True).layer3[1]
        assert block.shift1.kernel_size == block.shift2.kernel_size == 5


def test_shiftnets_take_the_kernel_of_each_group():
    network = build("shiftnet_b", kernels=(3, 5, 3, 7), sc2=True)
    for number, kernel in enumerate((3, 5, 3, 7), 1):
        for module in network.get_submodule(f"layer{number}"):
            assert module.shift1.kernel_size == module.shift2.kernel_size == kernel


def test_addernet_keeps_first_and_last_layer():
    network = build("addernet_resnet20")
    assert type(network.conv1) is nn.Conv2d
    assert network.fc.kernel_size == (1, 1)


def test_fe_block_passes_channels_on():
    block = build("fenet").eval().blocks[3]
    assert block.shares == [8, 16, 24]
    x = torch.rand(1, 32, 8, 8)
    seen = []
    block.units[0].register_forward_hook(lambda *_: seen.append(_[1][0]))
    assert block(x).shape == (1, 64, 4, 4)
    assert torch.equal(seen[0], x[:, :8])


def test_shiftnet_joins_what_it_makes_and_the_pooled_input():
    block = build("shiftnet_a").eval().layer2[0]
    x = torch.rand(1, 64, 8, 8)
    assert torch.equal(block(x)[:, 64:], nn.functional.avg_pool2d(x, 3, 2, 1))


def clipped(x, layer, scale=2.0):
    """Upstream's formula."""
    bound = layer.scale_coef.abs()
    return 0.5 * (x.abs() - (x - bound).abs() + bound) / bound * scale


@pytest.mark.parametrize(
    ("place", "splits", "halves"),
    [(("layer1", 0), True, True), (("layer2", 0), False, True), (("layer2", 1), True, False)],
)
def test_dirac_delta_blocks_are_those_of_the_released_code(place, splits, halves):
    torch.manual_seed(0)
    functional = nn.functional
    block = build("diracdeltanet").eval().get_submodule(place[0])[place[1]]
    with torch.no_grad():
        block.quant_act1.scale_coef.fill_(-0.7)
        block.quant_act2.scale_coef.fill_(0.9)
    channels = block.conv1.in_channels * (2 if splits else 1)
    # Inputs are not negative: they come out of a clipped activation.
    x = torch.rand(2, channels, 8, 6)
    first, second = (x[:, : channels // 2], x[:, channels // 2 :]) if splits else (x, x)
    second = clipped(torch.relu(block.bn1(block.conv1(second))), block.quant_act1)
    if halves:
        first, second = (functional.max_pool2d(part, 2) for part in (first, second))
        first = clipped(torch.relu(block.shortcut(first)), block.quant_act2)
    kernel = block.shift2.kernel
    second = functional.conv2d(second, kernel, padding=1, groups=len(kernel))
    second = clipped(torch.relu(block.bn3(block.conv3(second))), block.quant_act2)
    expected = torch.cat([first, second], 1)
    quarter = 3 * expected.shape[1] // 4
    expected = torch.cat([expected[:, quarter:], expected[:, :quarter]], 1)
    with torch.no_grad():
        torch.testing.assert_close(block(x), expected)


def test_kernels_of_five_directions():
    kernel = build("diracdeltanet").shift2.kernel
    assert kernel.shape == (64, 1, 3, 3)
    ones = [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)]
    for channel, plane in enumerate(kernel[:, 0]):
        assert plane.nonzero().tolist() == [list(ones[channel % 5])]
        assert plane.sum() == 1


def test_eight_bits_of_the_largest_weight():
    layer = FirstConv2d(1, 1, (1, 4), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, -3.0, 1.0, 2 / 127 * 0.6]))
    # 127ths of 2: -190.5 and 63.5 are halves, which go to the even one.
    expected = torch.tensor([127, -190, 64, 1.0]) / 127 * 2
    made = layer(torch.eye(4)[None, :, :].reshape(4, 1, 1, 4)).flatten()
    torch.testing.assert_close(made, expected)
    made.sum().backward()
    assert torch.equal(layer.weight.grad, torch.ones(1, 1, 1, 4))


# Building.


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if LARGE(n) else ()) for n in NETWORKS]
)
def test_every_network_exports_for_any_batch_and_is_understood(name):
    network = NETWORKS[name]
    program = export_module(build(name), torch.zeros(1, *network.input_shape))
    (image,) = (n for n in program.graph.nodes if n.name in program.graph_signature.user_inputs)
    assert not isinstance(image.meta["val"].shape[0], int)
    (output,) = program.graph_signature.user_outputs
    (made,) = (n for n in program.graph.nodes if n.name == output)
    assert made.meta["val"].shape[1:] == (10,)
    assert import_program(program).input.shape == network.input_shape


@pytest.mark.parametrize("shortcut", ["pad", "projection"])
def test_both_shortcuts_of_deepshift_are_understood(shortcut):
    images = torch.zeros(1, 3, 32, 32)
    import_program(export_module(build("deepshift_resnet20", shortcut=shortcut), images))


def test_networks_train():
    torch.manual_seed(0)
    names = ("shiftresnet_ssl20", "addernet_lenet5", "shiftaddnet_resnet20", "addressnet20")
    for name in (*names, "s3_resnet20", "denseshift_resnet20", "apot_resnet20"):
        module = build(name, input_channels=2)
        size = NETWORKS[name].input_shape[1:]
        module(torch.rand(2, 2, *size)).square().mean().backward()
        assert all(parameter.grad is not None for parameter in module.parameters()), name


def test_records_are_complete():
    for name, network in NETWORKS.items():
        assert network.name == name
        assert network.system in SYSTEMS
        assert network.published.sources or network.remarks
    assert {network.system for network in NETWORKS.values()} == set(SYSTEMS)
    with pytest.raises(TypeError):
        NETWORKS["mine"] = network


def test_unknown_name_lists_near_ones():
    with pytest.raises(SlipstickError, match=r"shiftresnet20_e3") as caught:
        find("shiftresnet20_3")
    assert "20_3" in caught.value.thing
    with pytest.raises(SlipstickError, match=r"slipstick zoo"):
        build("#")


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("addernet_resnet20", {"width": 2}, "Option 'width'"),
        ("addernet_resnet20", {"classes": 0}, "Classes"),
        ("addernet_resnet20", {"input_channels": True}, "Input channels"),
        ("deepshift_resnet20", {"method": "z"}, "Method"),
        ("deepshift_resnet20", {"shortcut": "none"}, "Shortcut"),
        ("deepshift_vgg16", {"depth": 12}, "Depth"),
        ("deepshift_mnist_fc", {"weight_bits": 1}, "Weight bits"),
        ("addressnet20", {"directions": "xyz"}, "Directions"),
        ("apot_resnet20", {"weight_bits": 6}, "Weight bits"),
        ("apot_resnet20", {"activation_bits": 1}, "Activation bits"),
        ("diracdeltanet", {"width": 117}, "Channels must be divisible by 4"),
        ("shiftnet_b", {"stem": 64}, "Channels must grow"),
        ("shiftnet_a", {"kernels": (3, 3)}, "cannot be built so"),
        ("shiftresnet20_e3", {"kernel": 2}, "Kernel size must be odd"),
        ("shiftresnet20_e3", {"order": "mixed"}, "Order must be"),
    ],
)
def test_what_cannot_be_built_is_one_error(name, options, part):
    with pytest.raises(SlipstickError, match=part):
        build(name, **options)
