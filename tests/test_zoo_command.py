"""The commands ``slipstick zoo``."""

import json

import pytest
import torch
from command_line import files_below, refused

from slipstick.frontend import load_program
from slipstick.zoo import NETWORKS, build


def test_list(cli):
    found = json.loads(cli("zoo", "--json").out)
    assert [network["name"] for network in found["networks"]] == list(NETWORKS)
    (row,) = (n for n in found["networks"] if n["name"] == "shiftresnet20_e3")
    assert row["published"]["parameters"] == 95_642
    assert row["published"]["accuracy"] == {"CIFAR-10": 89.56, "CIFAR-100": 65.83}
    text = cli("zoo").out
    assert all(name in text for name in NETWORKS)


def test_show(cli):
    done = cli("zoo", "show", "addernet_lenet5", "--json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert found["operations"]["taps"] == 416_520
    assert found["parameters"] == 61_942
    assert sum(layer["additions"] for layer in found["layers"]) == found["operations"]["additions"]
    assert found["energy_picojoules"]["asic45"]["FP32"] > 0
    text = cli("zoo", "show", "addernet_lenet5").out
    assert "conv1" in text
    assert "416,520 (published: 435,000)" in text


def test_show_takes_classes(cli):
    found = json.loads(cli("zoo", "show", "shiftresnet20_e1", "--classes", 100, "--json").out)
    assert (found["classes"], found["parameters"]) == (100, 34_906 + 5_850)


def test_build_writes_a_model_that_inspect_reads(cli, tmp_path):
    path = tmp_path / "model.pt2"
    options = ["-o", path, "--classes", 7, "--seed", 5, "--json"]
    done = cli("zoo", "build", "shiftresnet20_e1", *options)
    assert json.loads(done.out)["output"] == str(path)
    assert files_below(tmp_path) == ["model.pt2"]
    found = json.loads(cli("inspect", path, "--json").out)
    assert found["input_shape"] == [3, 32, 32]
    assert found["output_shape"][0] == 7
    torch.manual_seed(5)
    network = build("shiftresnet20_e1", classes=7).eval()
    images = torch.rand(3, 3, 32, 32)
    assert torch.equal(load_program(path).module()(images), network(images))


def test_build_takes_the_options_of_a_network(cli, tmp_path):
    path = tmp_path / "model.pt2"
    settings = ["--set", "expansion=2", "--set", "sc2=true", "--set", "order=contiguous"]
    done = cli("zoo", "build", "shiftresnet20_e1", "-o", path, *settings, "--json")
    expected = build("shiftresnet20_e1", expansion=2, sc2=True, order="contiguous")
    count = sum(value.numel() for value in expected.parameters())
    assert json.loads(done.out)["parameters"] == count
    assert count > 34_906


def test_build_refuses_an_existing_file(cli, tmp_path):
    path = tmp_path / "model.pt2"
    path.write_text("mine")
    assert "exists" in refused(cli, tmp_path, "zoo", "build", "addernet_lenet5", "-o", path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["show", "resnet20"], "did you mean"),
        (["build", "addernet_resnet21", "-o", "m.pt2"], "addernet_resnet20"),
        (["build", "addernet_lenet5", "-o", "none/m.pt2"], "folder"),
        (["show", "addernet_lenet5", "--classes", 0], "Command line"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "sc3=1"], "no such option"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "classes=3"], "no such option"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "sc2"], "has no '='"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "sc2=NaN"], "true or false"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "expansion=1e999"], "cannot be"),
        (["build", "shiftresnet20_e1", "-o", "m.pt2", "--set", "expansion=-3"], "cannot be"),
        (["show"], "Command line"),
        (["frobnicate"], "Command line"),
    ],
)
def test_errors(cli, tmp_path, monkeypatch, arguments, part):
    monkeypatch.chdir(tmp_path)
    assert part in refused(cli, tmp_path, "zoo", *arguments)
