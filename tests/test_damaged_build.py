"""Build folders that were damaged or edited: one error from every command, nothing left behind."""

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from command_line import refused
from synthetic_build import write_build

from slipstick import npz
from slipstick.errors import SlipstickError
from slipstick.graph import load
from slipstick.npz import read_npz
from slipstick.synth import synthesise


@pytest.fixture
def folder(toy, tmp_path):
    """A build folder to damage."""
    return shutil.copytree(toy, tmp_path / "toy")


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def flipped(content):
    content = bytearray(content)
    content[len(content) // 3] ^= 255
    return bytes(content)


def single_array():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


DAMAGES = {
    "half": lambda content: content[: len(content) // 2],
    "start of an archive": lambda content: b"PK\3\4abc",
    "flipped bits": flipped,
    "one array": lambda content: single_array(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["graph/arrays.npz", "frames.npz"])
def test_damaged_arrays(cli, tmp_path, folder, name, damage):
    path = folder / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    message = refused(cli, tmp_path, "report", folder)
    assert name.partition("/")[0] in message


FRAMES = {
    "out of range": {"images": np.full((2, 1, 12, 12), 999)},
    "other shape": {"images": np.zeros((2, 1, 9, 12), int)},
    "labels in words": {"images": np.zeros((2, 1, 12, 12), int), "labels": np.array(["a", "b"])},
    "too few labels": {"images": np.zeros((2, 1, 12, 12), int), "labels": np.zeros(1, int)},
}


@pytest.mark.parametrize("command", ["report", "simulate"])
@pytest.mark.parametrize("arrays", FRAMES.values(), ids=FRAMES)
def test_frames_that_do_not_fit(cli, tmp_path, folder, arrays, command):
    np.savez(folder / "frames.npz", **arrays)
    assert "frames.npz" in refused(cli, tmp_path, command, folder)


EDITS = {
    "no stages": lambda m: m.update(stages=[], streams=[]),
    "a stage less": lambda m: m["stages"].pop(),
    "a stream less": lambda m: m["streams"].pop(0),
    "stream of another tensor": lambda m: m["streams"][0].update(tensor="pool"),
    "unknown tensor": lambda m: m["stages"][0].update(inputs=["nowhere"]),
    "a circle": lambda m: m["stages"][0].update(inputs=["pool"]),
    "other size": lambda m: m["streams"][0].update(shape=[8, 10**6, 10**6]),
    "other width": lambda m: m["input"].update(width=3),
    "other output": lambda m: m["output"].update(tensor="pool"),
    "no clock": lambda m: m["board"].update(clock_mhz=1e-300),
    "endless clock": lambda m: m["board"].update(clock_mhz=float("inf")),
    "cycles beyond floats": lambda m: m.update(cycles_per_frame=10**400),
}


@pytest.mark.parametrize("command", ["simulate", "report", "inspect"])
@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_manifest_that_is_not_the_graphs(cli, tmp_path, folder, change, command):
    edit(folder / "manifest.json", change)
    assert "manifest.json" in refused(cli, tmp_path, command, folder)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000])
@pytest.mark.parametrize("name", ["manifest.json", "graph/graph.json"])
def test_text_that_no_parser_likes(cli, tmp_path, folder, name, text):
    (folder / name).write_text(text)
    refused(cli, tmp_path, "inspect", folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("window", {}), ("window", 3), ("weight_frac", "x"), ("weight_frac", 1e400), ("groups", -1)],
)
def test_graph_that_cannot_be_executed(folder, key, value):
    edit(folder / "graph/graph.json", lambda graph: graph["nodes"][1].update({key: value}))
    with pytest.raises(SlipstickError, match=r"Graph .*cannot be read"):
        load(folder / "graph")


def test_name_of_a_module_is_no_command(tmp_path):
    folder = write_build(tmp_path / "toy")
    (folder / "rtl/a; !touch executed;.v").write_text("module m; endmodule\n")
    with pytest.raises(SlipstickError, match="its name is none that compile gives"):
        synthesise(folder)


def test_missing_module_is_named(cli, tmp_path, folder):
    (folder / "rtl/tinynet_fc.v").unlink()
    assert "tinynet_fc.v" in refused(cli, tmp_path, "synth", folder)


@pytest.mark.parametrize(
    ("command", "name"), [("report", "report.html"), ("synth", "synthesis.json")]
)
def test_result_that_cannot_be_written(cli, tmp_path, folder, command, name):
    # Another test may have left a result in the folder that this one is a copy of.
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    assert name in refused(cli, tmp_path, command, folder)


def test_an_archive_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "LARGEST_BYTES", 1 << 16)
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros(1 << 16))
    with pytest.raises(ValueError, match="unpacks to"):
        read_npz(tmp_path / "bomb.npz")


def test_an_archive_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("../../images", "hello")
    with pytest.raises(ValueError, match="is no array"):
        read_npz(tmp_path / "other.npz")
