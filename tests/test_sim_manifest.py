"""The manifest: the same after writing and reading, and one error when damaged."""

import json

import pytest
from pydantic import ValidationError
from sim_toy import write_toy

from slipstick.build_folder import StreamRecord, read_manifest, write_manifest
from slipstick.errors import SlipstickError
from slipstick.sim import simulate


@pytest.fixture
def folder(tmp_path):
    return write_toy(tmp_path / "toy")


def edit(folder, change):
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_manifest_comes_back_equal_and_the_same_bytes(folder):
    path = folder / "manifest.json"
    before, manifest = path.read_bytes(), read_manifest(folder)
    write_manifest(folder, manifest)
    assert path.read_bytes() == before
    assert read_manifest(folder) == manifest
    assert manifest.stage("second").inputs == ("first",)


def test_geometry_of_a_stream():
    beats = ((0, 1, 2), (3, -1, -1))
    stream = StreamRecord(tensor="t", shape=(4, 5, 6), width=13, signed=True, frac=0, beats=beats)
    assert (stream.payload_width, stream.words, stream.beats_per_frame) == (39, 2, 60)
    assert stream.layout.beats == beats


@pytest.mark.parametrize("beats", [[[0, 1], [2]], [[0, 1], [1, 2]], [[0, 1]], [[0, 1, 3]], []])
def test_beats_must_carry_every_channel_once(beats):
    with pytest.raises(ValidationError):
        StreamRecord(tensor="t", shape=(3, 1, 1), width=8, signed=True, frac=0, beats=beats)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format=1), "its format is 1, this version reads 2"),
        (lambda m: m.pop("streams"), "'streams'"),
        (lambda m: m.update(top="a; $finish"), "'top'"),
        (lambda m: m["streams"][0].update(instance="a.b"), r"'streams\.0\.instance'"),
        (lambda m: m.update(surprise=1), "'surprise'"),
        (lambda m: m["streams"][0].update(width=0), "width"),
    ],
)
def test_damaged_manifest_is_one_error(folder, change, message):
    edit(folder, change)
    with pytest.raises(SlipstickError, match=message):
        read_manifest(folder)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe"])
def test_manifest_that_is_no_object_is_one_error(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(SlipstickError, match="cannot be read"):
        read_manifest(folder)


def test_folder_that_is_no_build_is_one_error(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SlipstickError, match=r"holds no manifest\.json"):
            simulate(folder)


def test_build_without_its_verilog_is_one_error(folder):
    (folder / "rtl" / "toy.v").unlink()
    with pytest.raises(SlipstickError, match=r"holds no toy\.v"):
        simulate(folder, fast=True)
