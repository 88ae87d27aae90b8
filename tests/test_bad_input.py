"""Bad input to the commands: one line that names cause and fix, exit 2, nothing left behind."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import Tiny, export, files_below, refused
from synthetic_build import write_build
from torch import nn

import slipstick
from slipstick.errors import SlipstickError
from slipstick.nn import ShiftConv2d


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ShiftConv2d(1, 3, 3)

    def forward(self, x):
        return torch.fft.fft2(self.stem(x)).real


class Empty(nn.Module):
    def forward(self, x):
        return x


def truncated(path, model):
    path.write_bytes(model.read_bytes()[:1000])


def not_a_zip(path, model):
    path.write_bytes(b"network " * 100)


def empty(path, model):
    path.touch()


def pickled(path, model):
    path.write_bytes(pickle.dumps({"weight": [1, 2]}))


def module_saved_by_torch(path, model):
    torch.save(Tiny(), path)


def damaged_inside(path, model):
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            target.writestr(name, text[: len(text) // 2] if name.endswith(".json") else text)


def not_a_number(path, model):
    module = Tiny()
    module.head.weight.data[0, 0] = float("nan")
    export(module, path)


def infinite(path, model):
    module = Tiny()
    module.block.adder.data[0, 0, 0, 0] = float("inf")
    export(module, path)


def unknown_operator(path, model):
    export(Unknown(), path)


def no_layers(path, model):
    export(Empty(), path)


BAD_MODELS = [
    truncated,
    not_a_zip,
    empty,
    pickled,
    module_saved_by_torch,
    damaged_inside,
    not_a_number,
    infinite,
    unknown_operator,
    no_layers,
]


@pytest.mark.parametrize("command", ["compile", "inspect"])
@pytest.mark.parametrize("make", BAD_MODELS, ids=lambda make: make.__name__)
def test_bad_models(cli, tmp_path, model, make, command):
    path = tmp_path / "bad.pt2"
    make(path, model)
    options = ["-o", tmp_path / "out"] if command == "compile" else []
    message = refused(cli, tmp_path, command, path, *options)
    named = {not_a_number: "head", infinite: "block", unknown_operator: "fft", no_layers: "layer"}
    assert named.get(make, "bad.pt2") in message


def test_pickles_are_not_executed(cli, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    for number, save in enumerate((torch.save, lambda o, p: p.write_bytes(pickle.dumps(o)))):
        path = tmp_path / f"trap{number}.pt2"
        save(Trap(), path)
        refused(cli, tmp_path, "compile", path, "-o", tmp_path / "out")
    assert not (tmp_path / "executed").exists()


def test_missing_model(cli, tmp_path):
    message = refused(cli, tmp_path, "compile", tmp_path / "no.pt2", "-o", tmp_path / "out")
    assert "no.pt2" in message


def npz(path, **arrays):
    np.savez(path, **arrays)


def half_of_images():
    buffer = io.BytesIO()
    np.savez(buffer, images=np.zeros((4, 1, 8, 8), np.float32))
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


BAD_IMAGES = {
    "channels": lambda path: npz(path, images=np.zeros((4, 3, 8, 8), np.float32)),
    "size": lambda path: npz(path, images=np.zeros((4, 1, 9, 8), np.float32)),
    "none": lambda path: npz(path, images=np.zeros((0, 1, 8, 8), np.float32)),
    "nan": lambda path: npz(path, images=np.full((4, 1, 8, 8), np.nan, np.float32)),
    "no array": lambda path: npz(path, pictures=np.zeros((4, 1, 8, 8), np.float32)),
    "labels": lambda path: npz(path, images=np.zeros((4, 1, 8, 8)), labels=np.zeros(3, int)),
    "class too high": lambda path: npz(path, images=np.zeros((4, 1, 8, 8)), labels=np.full(4, 4)),
    "class below -1": lambda path: npz(path, images=np.zeros((4, 1, 8, 8)), labels=np.full(4, -2)),
    "objects": lambda path: npz(path, images=np.array([None, {}], object)),
    "not npz": lambda path: path.write_bytes(b"images"),
    "half": lambda path: path.write_bytes(half_of_images()),
    "missing": lambda path: None,
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_calibration_images(cli, tmp_path, model, kind):
    path = tmp_path / "bad.npz"
    BAD_IMAGES[kind](path)
    message = refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out", "--calibrate", path)
    assert "bad.npz" in message


BAD_CONFIGS = {
    "no toml": "= 3",
    "unknown key": "speed = 3",
    "unknown section": "[colour]\nred = 1",
    "unknown layer": "[layer.nowhere]\nP = 1",
    "a tower of brackets": "a = " + "[" * 5_000,
    "a number without end": "[fold]\nlanes = " + "9" * 5_000,
    "fold of a layer without lanes": "[layer.relu]\nP = 1",
    "unknown layer key": "[layer.stem]\nR = 1",
    "fold of zero": "[layer.stem]\nP = 0",
    "fold too wide": "[layer.stem]\nP = 64",
    "fold no divisor": "[layer.stem]\nQ = 4",
    "fold no number": '[layer.stem]\nP = "all"',
    "no lanes": "[fold]\nlanes = 0",
    "width of one": "[layer.stem]\nactivation_bits = 1",
    "width of 17": "[layer.stem]\nactivation_bits = 17",
    "width everywhere": "[quantise]\nactivation_bits = 99",
    "width of a half": "[quantise]\nactivation_bits = 7.5",
    "no power of two": '[layer.head]\nweights = "powers"',
}


@pytest.mark.parametrize("kind", BAD_CONFIGS)
def test_bad_configuration(cli, tmp_path, model, kind):
    path = tmp_path / "bad.toml"
    path.write_text(BAD_CONFIGS[kind])
    refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out", "--config", path)


def test_missing_configuration(cli, tmp_path, model):
    options = ["-o", tmp_path / "out", "--config", tmp_path / "no.toml"]
    assert "no.toml" in refused(cli, tmp_path, "compile", model, *options)


def test_unknown_board(cli, tmp_path, model):
    options = ["-o", tmp_path / "out", "--board", "zc70"]
    assert "zc706" in refused(cli, tmp_path, "compile", model, *options)


def test_output_folder_that_is_not_empty(cli, tmp_path, model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("precious")
    assert "out" in refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out")


def test_output_that_is_a_file(cli, tmp_path, model):
    (tmp_path / "out").write_text("precious")
    refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out")
    refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out/below")


@pytest.mark.parametrize("target", ["nowhere", "out"])
def test_output_that_is_a_link_to_nothing(cli, tmp_path, model, target):
    (tmp_path / "out").symlink_to(tmp_path / target)
    refused(cli, tmp_path, "compile", model, "-o", tmp_path / "out")


@pytest.mark.parametrize("length", [250, 300])
def test_names_too_long_for_a_file(cli, tmp_path, model, length):
    refused(cli, tmp_path, "compile", model, "-o", tmp_path / ("o" * length))
    refused(cli, tmp_path, "compile", tmp_path / ("m" * length), "-o", tmp_path / "out")
    refused(cli, tmp_path, "inspect", tmp_path / ("m" * length))


@pytest.mark.parametrize("waves", ["folder.vcd", "/proc/waves.vcd"])
def test_waves_that_cannot_be_written(cli, tmp_path, build, waves):
    (tmp_path / "folder.vcd").mkdir()
    refused(cli, tmp_path, "simulate", build.folder, "--waves", tmp_path / waves)


@pytest.mark.filterwarnings("ignore:no calibration images")
@pytest.mark.parametrize("example", [np.nan, np.inf])
def test_sample_input_that_is_not_finite(tmp_path, example):
    with pytest.raises(SlipstickError, match="Sample input: must be finite"):
        slipstick.compile(Tiny(), torch.full((1, 1, 8, 8), example), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_open_quote_in_the_compilers_name(cli, build, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "g++ '")
    assert "CXX" in refused(cli, tmp_path, "simulate", build.folder)


def test_output_that_cannot_be_written(cli, tmp_path, model):
    # Not even root may make a folder here.
    refused(cli, tmp_path, "compile", model, "-o", Path("/proc/slipstick"))


def test_failure_leaves_no_parent_folders(cli, tmp_path, model):
    (tmp_path / "bad.toml").write_text("speed = 3")
    options = ["-o", tmp_path / "a/b/out", "--config", tmp_path / "bad.toml"]
    refused(cli, tmp_path, "compile", model, *options)


@pytest.mark.parametrize("command", ["simulate", "synth", "report", "inspect"])
def test_folder_that_is_no_build(cli, tmp_path, command):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        assert name in refused(cli, tmp_path, command, tmp_path / name)


@pytest.mark.parametrize("command", ["simulate", "synth", "report", "inspect"])
def test_damaged_manifest(cli, tmp_path, command):
    folder = write_build(tmp_path / "toy")
    for text in ("{", "[]", '{"format": 99}', '{"format": 2}'):
        (folder / "manifest.json").write_text(text)
        assert "manifest.json" in refused(cli, tmp_path, command, folder)


def test_simulate_without_a_compiler(cli, build, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "g++" in refused(cli, tmp_path, "simulate", build.folder)


def test_simulate_with_an_unknown_simulator(cli, build, tmp_path):
    assert "vcs" in refused(cli, tmp_path, "simulate", build.folder, "--simulator", "vcs")


@pytest.mark.parametrize(
    "name",
    [
        "my layer",
        'it\'s "quoted"',
        "$display",
        "größe",
        "always",
        "o_data",
        "a/b",
        "/etc/up",
        "x" * 300,
        "\ud800",
    ],
)
def test_any_layer_name_compiles(cli, tmp_path, images, name):
    path = export(Tiny(name), tmp_path / "m.pt2")
    before = files_below(tmp_path.parent)
    done = cli("compile", path, "-o", tmp_path / "out", "--calibrate", images, "--json")
    assert done.code == 0, done.err
    made = set(files_below(tmp_path.parent)) - set(before)
    assert all(Path(path).parts[1] == "out" for path in made)
    for file in (tmp_path / "out/rtl").iterdir():
        assert file.stem.isascii()
        assert file.stem.isidentifier()
