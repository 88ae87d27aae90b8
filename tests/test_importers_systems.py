"""What each system's checkpoints mean: keys, bits, masks, displacements, and what is refused."""

import pytest
import torch
from importer_files import (
    AdderNet,
    ShiftAddNet,
    ShiftNet,
    legacy,
    parallel,
    pickled_elsewhere,
    read,
    refusal,
    same,
    trained,
    upstream,
)
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.importers import import_checkpoint
from slipstick.importers.detect import system_of
from slipstick.zoo import build


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pth"


def saved(state, path):
    torch.save(state, path)
    return path


# Keys.


def test_renamed_keys_are_told(path):
    found = read(saved(upstream(trained(AdderNet())), path), AdderNet)
    assert found.renamed == (("block.0.b", "block.0.bias"),)
    assert found.keys == 10
    assert (found.system, found.bits) == ("addernet", None)
    assert not found.module.training


def test_older_names_of_adders(path):
    network = trained(ShiftAddNet())
    state = {key.replace(".adder", ".weight"): v for key, v in network.state_dict().items()}
    found = read(saved(parallel(state), path), ShiftAddNet)
    assert found.renamed == (("conv1.1.weight", "conv1.1.adder"),)
    assert same(network, found)


def test_counters_of_batch_norm_may_be_missing(path):
    network = trained(AdderNet())
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    assert same(network, read(saved(state, path), AdderNet))


def test_counters_that_nobody_keeps_are_dropped(path):
    state = upstream(AdderNet()) | {"fc.num_batches_tracked": torch.tensor(3)}
    assert read(saved(state, path), AdderNet).dropped == ("fc.num_batches_tracked",)


def test_pruned_adders(path):
    network = trained(ShiftAddNet())
    mask = (torch.rand(network.conv1[1].adder.shape) > 0.5).float()
    state = network.state_dict() | {"conv1.1.adder_mask": mask, "conv1.1.s": torch.rand(4, 4, 3, 3)}
    found = read(saved(state, path), ShiftAddNet)
    assert found.dropped == ("conv1.1.adder_mask", "conv1.1.s")
    network.conv1[1].adder.data *= mask
    assert same(network, found)


def test_mask_of_another_shape_is_unknown(path):
    state = ShiftAddNet().state_dict() | {"conv1.1.adder_mask": torch.ones(2)}
    assert "has unknown conv1.1.adder_mask" in refusal(saved(state, path), ShiftAddNet)


def test_measured_ranges_are_left_out_with_a_warning(path):
    ranges = {"running_range": torch.ones(1, 1, 1, 1), "running_zero_point": torch.ones(1, 1, 1, 1)}
    state = {f"conv1.1.quantize_input_fw.{name}": value for name, value in ranges.items()}
    network = trained(ShiftAddNet())
    saved(network.state_dict() | state, path)
    with pytest.warns(UserWarning, match="2 measured ranges of adder inputs are left out"):
        found = read(path, ShiftAddNet)
    assert len(found.dropped) == 2
    assert same(network, found)


def test_missing_extra_and_misshapen_keys_are_listed(path):
    state = upstream(AdderNet())
    del state["conv1.weight"], state["block.1.bias"]
    state |= {"fc.mask": torch.ones(1), "fc.weight": torch.ones(10, 5, 1, 1)}
    message = refusal(saved(state, path))
    assert "lacks conv1.weight, block.1.bias, and" in message
    assert "has unknown fc.mask, and" in message
    assert "has misshapen fc.weight 10x5x1x1 instead of 2x5x1x1" in message


def test_many_keys_are_counted(path):
    state = upstream(AdderNet()) | {f"extra{number}": torch.ones(1) for number in range(40)}
    assert "and 28 more" in refusal(saved(state, path))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("key", ["conv1.weight", "block.0.b", "block.1.running_var"])
def test_values_that_are_no_numbers(path, key, value):
    state = upstream(trained(AdderNet()))
    state[key].view(-1)[0] = value
    assert f"undefined values in {key.replace('.b', '.bias')}"[:30] in refusal(saved(state, path))


@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
def test_exponents_that_are_no_numbers(path, value):
    state = ShiftNet("ps").state_dict()
    state["conv1.shift"].view(-1)[0] = value
    assert "undefined values in conv1.shift" in refusal(saved(state, path), ShiftNet)


def test_doubles_beyond_floats_are_infinite(path):
    state = upstream(AdderNet())
    state["conv1.weight"] = state["conv1.weight"].double() + 1e300
    assert "infinite or undefined values in conv1.weight" in refusal(saved(state, path))


@pytest.mark.parametrize("kind", ["float16", "float64", "bfloat16"])
def test_other_precisions_become_floats(path, kind):
    network = trained(AdderNet())
    state = {key: v.to(getattr(torch, kind)) for key, v in upstream(network).items()}
    found = read(saved(state, path), AdderNet).module
    for key, tensor in network.state_dict().items():
        given = tensor if key.endswith("tracked") else tensor.to(getattr(torch, kind)).float()
        assert torch.equal(found.state_dict()[key], given)


def test_negative_zeros_become_zeros(path):
    network = trained(AdderNet())
    network.block[0].adder.data[0] = -0.0
    found = read(saved(upstream(network), path), AdderNet)
    assert not found.module.block[0].adder[0].signbit().any()
    assert same(network, found)


# Systems.


@pytest.mark.parametrize(
    ("network", "system"),
    [
        ("addernet_resnet20", "addernet"),
        ("shiftaddnet_resnet20", "shiftaddnet"),
        ("shiftresnet20_e3", "shiftresnet"),
        ("shiftresnet_ssl20", "ssl"),
    ],
)
def test_systems_are_known_by_their_keys(network, system):
    assert system_of(build(network).state_dict()) == system


def test_methods_of_deepshift():
    assert system_of(ShiftNet("ps").state_dict()) == "deepshift"
    assert system_of(ShiftNet("q").state_dict()) is None


def test_another_system_is_an_error(path):
    message = refusal(saved(ShiftAddNet().state_dict(), path), AdderNet)
    assert "is of shiftaddnet, by its keys, not of addernet" in message


# DeepShift.


def deepshift(method, bits, lowest):
    network = trained(ShiftNet(method, bits))
    for layer in (network.conv1, network.linear):
        first = layer.weights()[0].data
        if method == "ps":
            first.uniform_(lowest, 0).view(-1)[:3] = torch.tensor([lowest, lowest + 0.5, -0.5])
            layer.sign.data.view(-1)[:4] = torch.tensor([0.5, -0.5, -0.0, 0.51])
        else:
            first.view(-1)[:3] = torch.tensor([0.0, -0.0, 2.0**lowest * 1.4])
    return network


@pytest.mark.parametrize("method", ["q", "ps"])
@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_given_bits(path, method, bits):
    network = deepshift(method, bits, 1 - 2 ** (bits - 1))
    found = read(saved(network.state_dict(), path), ShiftNet, bits=bits)
    assert found.bits == found.module.conv1.weight_bits == bits
    assert found.module.conv1.method == method
    assert same(network, found)


@pytest.mark.parametrize(("lowest", "bits"), [(0, 2), (-2.4, 3), (-2.5, 3), (-5, 4), (-14.4, 5)])
def test_inferred_bits_change_no_weight(path, lowest, bits):
    network = deepshift("ps", 5, lowest)
    found = read(saved(network.state_dict(), path), ShiftNet)
    assert found.bits == bits
    assert same(network, found)


def test_rounded_and_raw_checkpoints_are_one_network(path):
    network = deepshift("ps", 5, -14)
    state = network.state_dict()
    rounded = {
        key: value.round().sign() if key.endswith("sign") else value.round()
        for key, value in state.items()
        if key.endswith(("shift", "sign"))
    }
    assert same(network, read(saved(state | rounded, path), ShiftNet))


def test_bits_that_cannot_be_inferred(path):
    assert "give --bits" in refusal(saved(ShiftNet("q").state_dict(), path), ShiftNet)
    state = ShiftNet("ps").state_dict()
    state["conv1.shift"] -= 10
    assert "5 bits do not hold; give --bits" in refusal(saved(state, path), ShiftNet)


def test_bits_of_adders_are_refused(path):
    message = refusal(saved(upstream(AdderNet()), path), bits=5)
    assert "Option --bits: is 5, but addernet has no shift weights" in message


# Networks of the zoo.


def quick(name, **options):
    """A network of the zoo and what it makes of some images."""
    network = trained(build(name, **options))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return network, x, network(x)


@pytest.mark.parametrize(
    ("arch", "options", "given"),
    [
        ("addernet_resnet20", {}, {}),
        ("shiftaddnet_resnet20", {}, {"system": "shiftaddnet"}),
        ("shiftresnet20_e1", {"classes": 100}, {"classes": 100}),
        ("shiftresnet20_sc2_e3", {}, {}),
        ("shiftresnet20_paper_e6", {}, {"system": "shiftresnet"}),
        ("deepshift_resnet20", {"weight_bits": 4}, {"bits": 4}),
        ("deepshift_resnet20", {"method": "ps", "shortcut": "projection"}, {}),
    ],
)
def test_networks_of_the_zoo(path, arch, options, given):
    network, x, expected = quick(arch, **options)
    legacy({"state_dict": parallel(upstream(network)), "epoch": 1}, path)
    found = import_checkpoint(path, arch=arch, **given)
    with torch.no_grad():
        assert torch.equal(found(x), expected)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_shiftresnet_as_a_pickled_module(path):
    network, x, expected = quick("shiftresnet20_e1")
    value = {"net": nn.DataParallel(network), "acc": 85.78, "epoch": 163}
    pickled_elsewhere(network, path, lambda _, path: legacy(value, path))
    with torch.no_grad():
        assert torch.equal(import_checkpoint(path, arch="shiftresnet20_e1")(x), expected)


def torchshifts(network):
    """Its state dict under the names of torchshifts, whose sign is the opposite."""
    state = dict(network.state_dict())
    for key in [key for key in state if key.endswith(".alpha")]:
        layer = key.removesuffix("alpha")
        pair = torch.stack([state.pop(key), state.pop(f"{layer}beta")], 1)
        state[f"{layer}weight"] = -pair
    return state


def test_sparse_shifts(path):
    network, x, expected = quick("shiftresnet_ssl20")
    state = torchshifts(network)
    assert system_of(state) == "ssl"
    assert state["layer1.0.shift2.weight"].shape == (48, 2)
    found = import_checkpoint(saved(state, path), arch="shiftresnet_ssl20", system="ssl")
    with torch.no_grad():
        assert torch.equal(found(x), expected)


def test_sparse_shift_moves_as_torchshifts_does(path):
    # out[h, w] = in[h - round(rows), w - round(columns)], 0 outside.
    state = torchshifts(trained(build("shiftresnet_ssl20")))
    state["layer1.0.shift2.weight"][0] = torch.tensor([1.4, -2.5])
    found = import_checkpoint(saved(state, path), arch="shiftresnet_ssl20")
    x = torch.rand(1, 48, 6, 6)
    expected = torch.zeros(6, 6)
    expected[1:, :4] = x[0, 0, :5, 2:]
    with torch.no_grad():
        assert torch.equal(found.layer1[0].shift2(x)[0, 0], expected)


def test_wrong_names(path):
    saved(upstream(AdderNet()), path)
    cases = {
        "is of addernet, not of deepshift": {"arch": "addernet_resnet20", "system": "deepshift"},
        "released no checkpoints": {"arch": "addressnet20"},
        "is not in the zoo": {"arch": "resnet"},
        "by its keys, not of shiftresnet": {"arch": "shiftresnet20_e1"},
        "lacks bn1.weight": {"arch": "addernet_resnet20"},
    }
    for message, options in cases.items():
        with pytest.raises(SlipstickError, match=message):
            import_checkpoint(path, **options)
