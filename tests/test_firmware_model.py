"""Frames and results as bytes, and the network as the drivers know it."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from synthetic_build import write_build

from slipstick.build_folder import read_manifest
from slipstick.built import read_build, read_frames
from slipstick.driver import frame_bytes, model_of, read_model, results, write_model
from slipstick.driver.memory import result_bytes
from slipstick.errors import SlipstickError
from slipstick.graph import run

STRICT = "-std=c11 -Wall -Wextra -Werror -Wconversion -pedantic".split()


def stream(manifest, name, **changes):
    """``manifest`` with another input or output."""
    old = getattr(manifest, name)
    values = old.model_dump() | changes
    return manifest.model_copy(update={name: type(old).model_validate(values)})


WIDTHS = "1 u1, 8 u1, 8 i1, 9 i2, 16 u2, 17 i4, 32 u4, 33 i8, 62 u8"


@pytest.mark.parametrize("format", WIDTHS.split(", "))
def test_a_frame_is_its_pixels_channel_by_channel(toy, format):
    width, container = int(format.split()[0]), format.split()[1]
    signed = container[0] == "i"
    manifest = stream(
        read_manifest(toy),
        "input",
        shape=(3, 2, 4),
        width=width,
        signed=signed,
        beats=[[0, 1, 2]],
    )
    lo, hi = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    images = np.random.default_rng(width).integers(lo, hi, (5, 3, 2, 4), endpoint=True)
    data = frame_bytes(manifest, images)
    values = np.frombuffer(data, f"<{container}").reshape(5, 2, 4, 3)
    assert (values.transpose(0, 3, 1, 2) == images).all()
    assert len(data) == 5 * manifest.input.frame_bytes
    for wrong in (lo - 1, hi + 1):
        with pytest.raises(ValueError, match=f"integers of {width} bits"):
            frame_bytes(manifest, np.full((1, 3, 2, 4), wrong))


@pytest.mark.parametrize("signed", [False, True])
def test_results_have_their_channels_in_order(toy, signed):
    manifest = stream(
        read_manifest(toy),
        "output",
        shape=(3, 1, 2),
        width=11,
        signed=signed,
        beats=[[2, 0], [1, -1]],
    )
    values = np.arange(-6 if signed else 0, 6 if signed else 12).reshape(2, 3, 1, 2)
    data = result_bytes(manifest, values)
    kind = "<i2" if signed else "<u2"
    first_pixel = np.frombuffer(data, kind)[:3].tolist()
    assert first_pixel == [values[0, 2, 0, 0], values[0, 0, 0, 0], values[0, 1, 0, 0]]
    assert (results(manifest, data) == values).all()


def test_selftest_is_the_golden_models(toy):
    model = model_of(toy)
    manifest, graph = read_build(toy)
    images, _ = read_frames(toy, graph)
    golden = run(graph, torch.from_numpy(images[:1].astype(np.int64)))[graph.output].numpy()
    assert frame_bytes(manifest, images[:1]) == bytes.fromhex(model.selftest_frame)
    assert (results(manifest, bytes.fromhex(model.selftest_result)) == golden).all()
    assert model.hash == manifest.graph_hash.hex()
    assert model.stages == tuple(stage.instance for stage in manifest.stages)


def test_classes(tmp_path, toy):
    assert (model_of(toy).classes, model_of(toy).ends_in_class) == (5, False)
    named = model_of(write_build(tmp_path / "argmax", argmax=True))
    assert (named.classes, named.ends_in_class) == (5, True)
    assert named.result.shape == (1, 1, 1)


PRINT = r"""
#include <inttypes.h>
#include <stdio.h>
#include "slipstick_model.h"
static void list(const char *name, const uint32_t *values, uint32_t count) {
    printf("\"%s\":[", name);
    for (uint32_t n = 0; n < count; ++n) printf("%s%" PRIu32, n ? "," : "", values[n]);
    printf("],");
}
static void grid(const char *name, const uint32_t *shape, uint32_t width, bool is_signed,
                 int32_t frac, uint32_t element, uint32_t bytes) {
    printf("\"%s\":{\"shape\":[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "],\"width\":%" PRIu32
           ",\"signed\":%s,\"frac\":%" PRId32 ",\"element\":%" PRIu32 ",\"bytes\":%" PRIu32 "},",
           name, shape[0], shape[1], shape[2], width, is_signed ? "true" : "false", frac, element,
           bytes);
}
static void hex(const char *name, const uint8_t *bytes, uint32_t count) {
    printf("\"%s\":\"", name);
    for (uint32_t n = 0; n < count; ++n) printf("%02x", bytes[n]);
    printf("\",");
}
int main(void) {
    const slipstick_model *m = &slipstick_network;
    printf("{\"name\":\"%s\",", m->name);
    list("hash", m->hash, 4);
    grid("frame", m->frame_shape, m->frame_width, m->frame_signed, m->frame_fraction,
         m->frame_element, m->frame_bytes);
    grid("result", m->result_shape, m->result_width, m->result_signed, m->result_fraction,
         m->result_element, m->result_bytes);
    if (m->order) list("order", m->order, m->result_shape[0]);
    hex("selftest_frame", m->selftest_frame, SLIPSTICK_FRAME_BYTES);
    hex("selftest_result", m->selftest_result, SLIPSTICK_RESULT_BYTES);
    printf("\"stages\":[");
    for (uint32_t n = 0; n < SLIPSTICK_STAGES; ++n)
        printf("%s\"%s\"", n ? "," : "", m->stage_names[n]);
    printf("],\"classes\":%" PRIu32 ",\"ends_in_class\":%s,\"interval\":%" PRIu32
           ",\"clock_hz\":%" PRIu32 ",\"values\":%u}\n",
           m->classes, m->ends_in_class ? "true" : "false", m->interval, m->clock_hz,
           SLIPSTICK_RESULT_VALUES);
}
"""


def seen_from_c(root, folder):
    """The model as a C program finds it."""
    (folder / "print.c").write_text(PRINT)
    sources = [folder / "print.c", folder / "slipstick_model.c"]
    include = [f"-I{root / 'firmware'}", f"-I{folder}"]
    command = ["gcc", *STRICT, *include, *sources, "-o", folder / "print"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(subprocess.run([folder / "print"], capture_output=True, check=True).stdout)


def expected_in_c(model):
    values = json.loads(model.model_dump_json()) | {"hash": [*model.hash_words]}
    values["values"] = np.prod(model.result.shape).item()
    return {key: value for key, value in values.items() if value is not None}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("argmax", [False, True])
def test_c_and_json_hold_the_same(root, tmp_path, argmax):
    folder = write_build(tmp_path / "build", argmax=argmax)
    target = tmp_path / "model"
    target.mkdir()
    write_model(folder, target)
    model = model_of(folder)
    assert read_model(target / "slipstick_model.json") == model
    assert seen_from_c(root, target) == expected_in_c(model)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    write_model(folder, target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_an_order_and_signed_frames_reach_c(root, tmp_path, toy, monkeypatch):
    model = model_of(toy).model_copy(update={"order": (4, 2, 0, 1, 3), "clock_hz": 12_500_000})
    monkeypatch.setattr("slipstick.driver.model.model_of", lambda folder: model)
    write_model(toy, tmp_path)
    assert seen_from_c(root, tmp_path) == expected_in_c(model)


def test_files_that_are_no_model_are_refused(tmp_path, toy):
    path = tmp_path / "slipstick_model.json"
    with pytest.raises(SlipstickError, match="is no model of a driver"):
        read_model(path)
    write_model(toy, tmp_path)
    document = json.loads(path.read_text())
    for broken in (b"\xff", b"[]", json.dumps(document | {"new": 1}).encode()):
        path.write_bytes(broken)
        with pytest.raises(SlipstickError, match="is no model of a driver"):
            read_model(path)


def test_a_folder_that_cannot_be_written_is_an_error_of_the_user(tmp_path, toy):
    with pytest.raises(SlipstickError, match="cannot be written"):
        write_model(toy, tmp_path / "missing")
