"""The same model gives the same bytes, in any process, and from a graph that was saved."""

import os
import subprocess
import sys

import pytest

from slipstick.build import Build
from slipstick.elaborate import Network
from slipstick.emit import to_rtlil, to_verilog
from slipstick.fold import FoldChoices, plan
from slipstick.graph import load, save


def contents(folder):
    """Every file below ``folder``, by its path there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def compiled(model, images, folder, hash_seed):
    """A build folder made by a process of its own."""
    arguments = ["compile", model, "-o", folder, "--calibrate", images, "--name", "same"]
    subprocess.run(
        [sys.executable, "-m", "slipstick.cli", *map(str, arguments)],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def first(model, images, tmp_path):
    return compiled(model, images, tmp_path / "first", "1")


def test_compiled_again_in_another_process(first, model, images, tmp_path):
    again = compiled(model, images, tmp_path / "second", "2")
    assert contents(again) == contents(first)


def test_saved_graph_is_loaded_and_compiled_to_the_same(first, tmp_path):
    graph = load(first / "graph")
    save(graph, tmp_path / "graph")
    assert contents(tmp_path / "graph") == contents(first / "graph")
    decided = plan(graph, FoldChoices())
    text, _ = to_rtlil(Network(graph, decided), Build(first).manifest.top)
    to_verilog(text, tmp_path / "rtl")
    assert contents(tmp_path / "rtl") == contents(first / "rtl")
