"""The command `import`: from a checkpoint to a program that compiles, or one error."""

import json
import pickle

import pytest
import torch
from command_line import refused
from importer_files import as_arrays, legacy, parallel, trained, upstream

from slipstick import cli_import, importers
from slipstick.frontend import import_program, load_program, run_float
from slipstick.zoo import build


@pytest.fixture(scope="module")
def network():
    return trained(build("deepshift_mnist_conv", method="ps", weight_bits=4))


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "checkpoint.pth.tar"
    legacy({"epoch": 3, "state_dict": parallel(upstream(network)), "extra": 1}, path)
    return path


ARCH = ["--arch", "deepshift_mnist_conv"]


def test_import_writes_a_program_for_any_batch(cli, network, checkpoint, tmp_path):
    output = tmp_path / "model.pt2"
    done = cli("import", checkpoint, *ARCH, "--from", "deepshift", "-o", output, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["warnings"] == [f"File '{checkpoint}' also holds, and it is not read: extra"]
    assert found["output"] == str(output)
    assert found["bits"] == 4
    assert (found["system"], found["arch"]) == ("deepshift", "deepshift_mnist_conv")
    assert found["keys"] == len(network.state_dict())
    assert found["parameters"] == sum(p.numel() for p in network.parameters())
    x = torch.rand(3, 1, 28, 28)
    program = load_program(output)
    with torch.no_grad():
        assert torch.equal(program.module()(x), network(x))
        graph = import_program(program)
        ours = run_float(graph, x)[graph.output]
        torch.testing.assert_close(ours.flatten(1), network(x), rtol=1e-4, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.name, "model.pt2"]


def test_import_for_people(cli, checkpoint, tmp_path):
    done = cli("import", checkpoint, *ARCH, "--bits", 4, "-o", tmp_path / "model.pt2")
    assert done.code == 0, done.err
    assert "deepshift_mnist_conv of deepshift" in done.out
    assert "model.pt2" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch", "deepshift_mnist"], "did you mean deepshift_mnist"),
        (["--arch", "deepshift_mnist_fc"], "lacks fc3.shift"),
        ([*ARCH, "--classes", "11"], "misshapen"),
        ([*ARCH, "--from", "addernet"], "not of addernet"),
        ([*ARCH, "--from", "nobody"], "Command line"),
        ([*ARCH, "--bits", "1"], "Command line"),
        ([], "Command line"),
    ],
)
def test_wrong_options(cli, checkpoint, tmp_path, options, message):
    arguments = [checkpoint, *options, "-o", tmp_path / "model.pt2"]
    assert message in refused(cli, tmp_path, "import", *arguments)


def test_files_that_are_none(cli, tmp_path):
    (tmp_path / "empty.pth").touch()
    (tmp_path / "folder").mkdir()
    for name in ("empty.pth", "folder", "nowhere.pth"):
        arguments = [tmp_path / name, *ARCH, "-o", tmp_path / "model.pt2"]
        assert name in refused(cli, tmp_path, "import", *arguments)


def test_hostile_file(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pth").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    arguments = ["x.pth", *ARCH, "-o", tmp_path / "model.pt2"]
    assert "asks for code: posix.system" in refused(cli, tmp_path, "import", *arguments)


def test_output_that_cannot_be(cli, checkpoint, tmp_path):
    (tmp_path / "there.pt2").write_text("precious")
    for output in (tmp_path / "there.pt2", tmp_path / "no/model.pt2", "/proc/model.pt2"):
        assert str(output) in refused(cli, tmp_path, "import", checkpoint, *ARCH, "-o", output)
    assert (tmp_path / "there.pt2").read_text() == "precious"


def test_output_that_appears_meanwhile(network, tmp_path, monkeypatch):
    output = tmp_path / "model.pt2"
    save = torch.export.save

    def slow(program, path):
        save(program, path)
        output.write_text("precious")

    monkeypatch.setattr(torch.export, "save", slow)
    with pytest.raises(importers.write.SlipstickError, match="exists already"):
        importers.write_program(network, (1, 28, 28), output)
    assert output.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [output]


def test_systems_of_the_command_are_those_of_the_importer():
    assert cli_import.System.__args__ == importers.SYSTEMS


def test_numpy_pickle_imports_without_bits(cli, network, tmp_path):
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(as_arrays(upstream(network))))
    output = tmp_path / "model.pt2"
    assert cli("import", path, *ARCH, "-o", output).code == 0
    assert output.is_file()
