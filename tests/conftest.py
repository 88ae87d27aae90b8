"""What all tests share."""

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
from command_line import Tiny, call, export
from synthetic_build import write_build

ROOT = Path(__file__).resolve().parents[1]
PACKAGED = ("gen", "boards", "firmware", "rtl_templates", "sim")
"""The folders whose content goes into the wheel."""

# A drawn network may take seconds to elaborate; a fixed time limit would only measure the machine.
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True)
# The same examples in every run, so that a change is judged by what it changes, but for constants
# that Hypothesis finds in what happens to be imported; `make test-all` explores others.
hypothesis.settings.register_profile(
    "slipstick", hypothesis.settings.get_profile("explore"), derandomize=True
)
hypothesis.settings.load_profile("slipstick")


def pytest_configure():
    # The tests run side by side; threads inside each of them would only fight for the cores.
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from an sdist of a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGED:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture
def cli(capfd):
    """Runs a command in this process: exit code, stdout, stderr."""
    return functools.partial(call, capfd)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A small exported network of every kind of layer."""
    return export(Tiny(), tmp_path_factory.mktemp("model") / "tiny.pt2")


@pytest.fixture
def images(tmp_path):
    """Labelled images for `model`."""
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    np.savez(path, images=rng.random((20, 1, 8, 8), np.float32), labels=rng.integers(0, 4, 20))
    return path


@pytest.fixture(scope="session")
def build(model, tmp_path_factory):
    """`model` compiled by the program: folder, summary, stderr."""
    folder = tmp_path_factory.mktemp("build") / "tiny"
    command = [sys.executable, "-m", "slipstick.cli", "compile", model, "-o", folder, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(folder=folder, summary=json.loads(done.stdout), err=done.stderr)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A build folder that needs no compiler."""
    return write_build(tmp_path_factory.mktemp("toy") / "toy")


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """A system whose frames have 198 bytes and whose results 594."""
    from system_bench import Compiled
    from system_networks import Picture, compiled

    return Compiled(compiled(Picture, tmp_path_factory.mktemp("picture") / "picture"), 12)


@pytest.fixture(scope="session")
def handful(tmp_path_factory):
    """Five bytes to six, on a stream core with a clock of its own."""
    from system_bench import Compiled
    from system_networks import Handful, compiled

    folder = compiled(Handful, tmp_path_factory.mktemp("handful") / "handful")
    return Compiled(folder, 1 << 16, separate_clocks=True)
