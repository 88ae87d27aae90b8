"""What all tests share."""

import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGED = ("gen", "boards", "rtl_templates", "sim")
"""The folders whose content goes into the wheel."""

# A drawn network may take seconds to elaborate; a fixed time limit would only measure the machine.
hypothesis.settings.register_profile("slipstick", deadline=None, print_blob=True)
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
