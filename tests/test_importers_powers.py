"""Checkpoints of S3, DenseShift, APoT and of ShiftAddNet's fixed shifts, against the formulas."""

import json
import re

import importer_references as references
import pytest
import torch
from importer_files import legacy, parallel, pickled_elsewhere, trained, wrapped
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import import_program, load_program, run_float
from slipstick.importers import import_checkpoint, read_into_zoo
from slipstick.importers.detect import system_of
from slipstick.nn import APoTConv2d, FixedShiftConv2d, s3_weight
from slipstick.zoo import build


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pth.tar"


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(11)


def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def compare(found, expected):
    """To 1e-4 of the logits' size."""
    assert expected.std() > 0
    with torch.no_grad():
        result = found(images())
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def linear(state):
    return lambda x: x.flatten(1) @ state["fc.weight"].t() + state["fc.bias"]


# S3 and DenseShift.


def decided(name):
    """A network and its tensors, some decisions exactly 0, the duplicate keys among them."""
    network = trained(build(name))
    with torch.no_grad():
        for key, tensor in network.named_parameters():
            if ".weight_" in key or ".conv" in key:
                tensor.view(-1)[:3] = 0
    return network, dict(network.state_dict())


@pytest.mark.parametrize(
    ("name", "formula"),
    [("s3_resnet20", references.s3), ("denseshift_resnet20", references.denseshift)],
)
def test_decisions_give_the_weights_of_the_formula(path, name, formula):
    _, state = decided(name)
    assert torch.equal(state["layer1.0.conv1.weight"], state["layer1.0.conv1.weight_sign"])
    assert system_of(state) == "s3"
    legacy(wrapped(parallel(state)), path)
    found = import_checkpoint(path, arch=name, system="s3")
    compare(found, references.logits(state, images(), formula(state), linear(state)))


def weights(state):
    """The tensors of a released file: whole numbers in place of decisions."""
    parts = ("weight_sign", "weight_val", "weight_shift", "weight_shift2")
    plain = {key: tensor for key, tensor in state.items() if key.rpartition(".")[2] not in parts}
    for key in [key for key in state if key.endswith(".weight_val")]:
        layer = key.removesuffix("weight_val")
        a, b, c, d = (state[layer + part] for part in parts)
        exponent = (c > 0) * ((d > 0) + 1.0)
        plain[f"{layer}weight"] = torch.where(a < 0, -1.0, 1.0) * (b > 0) * 2**exponent
    return plain


def test_released_weights_of_s3(path):
    network, state = decided("s3_resnet20")
    plain = weights(state)
    found = plain["layer2.1.conv1.weight"].unique().tolist()
    assert found == [-4, -2, -1, 0, 1, 2, 4]
    assert not any("weight_" in key for key in plain)
    torch.save(wrapped(parallel(plain)), path)
    imported = read_into_zoo(path, system="s3", arch="s3_resnet20", bits=None, classes=10)
    x = images()
    with torch.no_grad():
        assert torch.equal(imported.module(x), network(x))
    layer = imported.module.layer2[1].conv1
    assert torch.equal(s3_weight(*layer.decisions()), plain["layer2.1.conv1.weight"])
    assert ("layer1.0.conv1.weight", "layer1.0.conv1.weight_shift2") in imported.renamed
    compare(imported.module, references.logits(plain, x, references.s3(plain), linear(plain)))


def test_plain_weights_of_denseshift(path):
    state = dict(trained(build("denseshift_resnet20")).state_dict())
    values = torch.tensor([-8, -4, -2, -1, 1, 2, 4, 8.0])
    plain = {key: v for key, v in state.items() if ".weight_" not in key}
    for key in [key for key in state if key.endswith(".weight_t1")]:
        shape = state[key].shape
        plain[key.replace("weight_t1", "weight")] = values[torch.randint(8, shape)]
    torch.save(plain, path)
    found = import_checkpoint(path, arch="denseshift_resnet20")
    compare(found, references.logits(plain, images(), references.s3(plain), linear(plain)))


@pytest.mark.parametrize("kept", ["weight", "weight_sign"])
def test_one_of_the_two_names_of_the_signs_is_enough(path, kept):
    network, state = decided("s3_resnet20")
    other = {"weight": "weight_sign", "weight_sign": "weight"}[kept]
    layers = [key.removesuffix("weight_val") for key in state if key.endswith(".weight_val")]
    torch.save({key: v for key, v in state.items() if key not in {n + other for n in layers}}, path)
    x = images()
    with torch.no_grad():
        assert torch.equal(import_checkpoint(path, arch="s3_resnet20")(x), network(x))


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("name", ["s3_resnet20", "denseshift_resnet20"])
def test_pickled_modules(path, name):
    network, _ = decided(name)
    value = {"state_dict": nn.DataParallel(network), "epoch": 3}
    pickled_elsewhere(network, path, lambda _, path: torch.save(value, path))
    x = images()
    with torch.no_grad():
        assert torch.equal(import_checkpoint(path, arch=name)(x), network(x))


def refusal(path, state, arch, **options):
    torch.save(state, path)
    with pytest.raises(SlipstickError) as caught:
        import_checkpoint(path, arch=arch, **options)
    return str(caught.value)


def test_wrong_files_of_s3(path):
    _, state = decided("s3_resnet20")
    key = "layer1.0.conv1.weight_sign"
    differing = state | {key: state[key] + 1}
    message = refusal(path, differing, "s3_resnet20")
    assert "two tensors for one, layer1.0.conv1.weight and layer1.0.conv1.weight_sign" in message
    assert "two tensors" in refusal(path, state | {key: state[key][:1]}, "s3_resnet20")
    one = {k: v for k, v in state.items() if k != "layer1.0.conv1.weight_shift"}
    assert "lacks layer1.0.conv1.weight_shift" in refusal(path, one, "s3_resnet20")
    plain = weights(state)
    for wrong in (3.0, 8.0, 0.5, float("nan")):
        plain["layer3.0.downsample.0.weight"][0, 0] = wrong
        message = refusal(path, plain, "s3_resnet20")
        assert "has other weights in layer3.0.downsample.0.weight" in message
        assert f"not {wrong:g}" in message
    nan = torch.full_like(state[key], float("nan"))
    both = state | {key: nan, key.replace("_sign", ""): nan}
    assert "undefined values in layer1.0.conv1.weight" in refusal(path, both, "s3_resnet20")
    assert "has unknown layer1.0.conv1.weight_val" in refusal(path, state, "denseshift_resnet20")
    assert "is of s3, by its keys" in refusal(path, state, "addernet_resnet20")
    assert "s3 has no shift weights" in refusal(path, state, "s3_resnet20", bits=3)


# APoT.


def bounded(bits):
    network = trained(build("apot_resnet20", weight_bits=bits, activation_bits=bits))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, APoTConv2d):
                module.weight_quant.wgt_alpha.uniform_(1.5, 2.5)
                module.act_alpha.uniform_(1, 4)
    return network, dict(network.state_dict())


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_levels_are_those_of_the_formula(path, bits):
    _, state = bounded(bits)
    assert system_of(state) == "apot"
    assert {"layer1.0.conv1.act_alpha", "layer1.0.conv1.weight_quant.wgt_alpha"} < set(state)
    legacy(wrapped(parallel(state)), path)
    found = import_checkpoint(path, arch="apot_resnet20", bits=bits)

    def classify(x):
        return x.flatten(1) @ references.eight_bits(state["fc.weight"]).t() + state["fc.bias"]

    formula = references.apot(state, bits)
    compare(found, references.logits(state, images(), formula, classify))
    assert found.layer1[0].conv1.activation_bits == bits


def test_activations_without_a_bound_are_left_alone(path):
    _, state = bounded(4)
    state = {key: v for key, v in state.items() if not key.endswith("act_alpha")}
    torch.save(state, path)
    found = import_checkpoint(path, arch="apot_resnet20", bits=4)
    assert found.layer1[0].conv1.activation_bits is None

    def classify(x):
        return x.flatten(1) @ references.eight_bits(state["fc.weight"]).t() + state["fc.bias"]

    compare(found, references.logits(state, images(), references.apot(state, 4), classify))


def test_later_name_of_the_bound(path):
    network, state = bounded(4)
    renamed = {key.replace("weight_quant.wgt_alpha", "weight_alpha"): v for key, v in state.items()}
    assert system_of(renamed) == "apot"
    torch.save(renamed, path)
    x = images()
    with torch.no_grad():
        assert torch.equal(import_checkpoint(path, arch="apot_resnet20", bits=4)(x), network(x))


def test_wrong_files_of_apot(path):
    _, state = bounded(4)
    arch = "apot_resnet20"
    assert "does not say how many bits its weights have; give --bits" in refusal(path, state, arch)
    assert "Weight bits must be at most 5, not 6" in refusal(path, state, arch, bits=6)
    few = {key: v for key, v in state.items() if key != "layer1.0.conv1.act_alpha"}
    assert "lacks layer1.0.conv1.act_alpha" in refusal(path, few, arch, bits=4)
    wide = state | {"layer1.0.conv1.act_alpha": torch.ones(16)}
    assert "act_alpha 16 instead of scalar" in refusal(path, wide, arch, bits=4)


# Fixed shifts.


def fixed(name="shiftaddnet_resnet20"):
    network = trained(build(name, fixed=True))
    return network, with_origins(network)


def with_origins(network):
    """The tensors of a released file: what the weights were drawn with, and memory as it was."""
    state = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, FixedShiftConv2d):
            state |= origins(f"{name}.", module.weight)
    return state


def origins(layer, weight):
    return {
        f"{layer}p": torch.randn(weight.shape),
        f"{layer}s": torch.rand(weight.shape),
        f"{layer}mask": torch.full(weight.shape, float("nan")),
    }


def test_fixed_shifts_are_those_of_the_formula(path):
    network, state = fixed()
    assert len(state) == 152 + 3 * 22
    assert system_of(state) == "shiftaddnet"
    legacy(wrapped(parallel(state)), path)
    found = read_into_zoo(path, system=None, arch="shiftaddnet_resnet20", bits=None, classes=10)
    assert found.bits is None
    assert {"conv1.p", "conv1.s", "conv1.mask", "fc.mask"} <= set(found.dropped)
    x = images()
    with torch.no_grad():
        assert torch.equal(found.module(x), network(x))

    def classify(x):
        x = (x * 2**15).round() / 2**15
        return references.convolution(x, state["fc.weight"], 1)

    formula = references.fixed_shift_add(state)
    compare(found.module, references.logits(state, x, formula, classify))


def test_older_names_of_adders_behind_fixed_shifts(path):
    network, state = fixed()
    older = {key.replace(".adder", ".weight"): v for key, v in state.items()}
    assert system_of(older) == "shiftaddnet"
    torch.save(older, path)
    x = images()
    with torch.no_grad():
        assert torch.equal(import_checkpoint(path, arch="shiftaddnet_resnet20")(x), network(x))


def test_wrong_files_of_fixed_shifts(path):
    _, full = fixed()
    arch = "shiftaddnet_resnet20"
    assert "Option --bits: is 5, but the shifts are fixed" in refusal(path, full, arch, bits=5)
    for wrong in (0.75, 3.0, float("nan"), float("inf")):
        weight = full["layer1.0.conv1.0.weight"].clone()
        weight[0, 0] = wrong
        message = refusal(path, full | {"layer1.0.conv1.0.weight": weight}, arch)
        assert "weights in layer1.0.conv1.0.weight that are no powers of two" in message
    few = {key: v for key, v in full.items() if key != "layer1.0.conv1.0.weight"}
    assert "lacks layer1.0.conv1.0.weight, and has unknown" in refusal(path, few, arch)


@pytest.mark.parametrize(
    "name",
    [
        "shiftaddnet_iot_uschad",
        "shiftaddnet_iot_mhealth",
        pytest.param("shiftaddnet_vgg19_small", marks=pytest.mark.slow),
    ],
)
def test_other_networks_of_fixed_shifts(path, name):
    network, state = fixed(name)
    older = {re.sub(r"(\.1\.)adder$", r"\1weight", key): v for key, v in state.items()}
    for tensors in (state, older):
        assert system_of(tensors) == "shiftaddnet"
        torch.save(wrapped(parallel(tensors)), path)
        found = import_checkpoint(path, arch=name).state_dict()
        assert found.keys() == network.state_dict().keys()
        assert all(torch.equal(found[key], v) for key, v in network.state_dict().items())


# The command.


@pytest.mark.parametrize(
    ("made", "arguments"),
    [
        (lambda: decided("denseshift_resnet20")[0], ["--arch", "denseshift_resnet20"]),
        (lambda: bounded(3)[0], ["--arch", "apot_resnet20", "--from", "apot", "--bits", 3]),
        (lambda: fixed()[0], ["--arch", "shiftaddnet_resnet20"]),
    ],
)
def test_command_writes_programs_that_are_understood(cli, path, tmp_path, made, arguments):
    network = made()
    torch.save(parallel(with_origins(network)), path)
    done = cli("import", path, *arguments, "-o", tmp_path / "model.pt2", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["warnings"] == []
    x = images()
    program = load_program(tmp_path / "model.pt2")
    with torch.no_grad():
        assert torch.equal(program.module()(x), network(x))
    graph = import_program(program)
    compare(network, run_float(graph, x)[graph.output].flatten(1))
