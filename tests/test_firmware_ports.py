"""The programs of the host and Linux ports, as the Makefile builds them."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

FRAME, RESULT = 6, 6
STRICT = "-std=c11 -Wall -Wextra -Werror -Wconversion -pedantic".split()
SANITIZE = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all".split()

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or shutil.which("make") is None,
    reason="gcc or make is not installed",
)


def run(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def hosted(root, tmp_path_factory):
    """The host program with the mock in place of the simulated system."""
    path = tmp_path_factory.mktemp("host") / "slipstick-host"
    firmware, mock = root / "firmware", root / "tests/firmware"
    folders = [firmware, firmware / "ports/host", mock / "host", mock]
    sources = [
        firmware / "slipstick.c",
        *(firmware / "ports/host").glob("*.c"),
        mock / "mock.c",
        mock / "host/sim_double.c",
    ]
    done = run("gcc", *STRICT, *SANITIZE, *(f"-I{f}" for f in folders), *sources, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def frames(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (10, FRAME), np.uint8)
    path = tmp_path / "frames"
    path.write_bytes(values.tobytes())
    return path, values.astype(np.int64)


def golden(frames):
    """What mock.c computes, in the order in which its channels leave."""
    first, second = frames[:, 0] - frames[:, 3] - 2, frames[:, 1] - frames[:, 4]
    return np.stack([10 + frames[:, 5], first, second], axis=1)


@pytest.mark.parametrize("batch", [1, 4, 10, 600])
def test_host_runs_batches(hosted, tmp_path, frames, batch):
    path, values = frames
    done = run(hosted, path, 10, batch, tmp_path / "results", 0, "fast")
    assert done.returncode == 0, done.stderr
    *progress, last = done.stdout.splitlines()
    assert progress == [f"progress {min(n + batch, 10)}" for n in range(0, 10, batch)]
    told = json.loads(last)
    assert told["frames_read"] == told["frames_written"] == 10
    assert len(told["stages"]) == 2
    assert told["violations"] == ["cycle 3: first", "cycle 4: second"]
    found = np.frombuffer((tmp_path / "results").read_bytes(), "<i2").reshape(10, 3)
    assert (found == golden(values)).all()


def test_host_tells_what_failed(hosted, tmp_path, frames):
    done = run(hosted, frames[0], 10, 4, tmp_path / "results", 1, "fast")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["causes"] == 4
    assert "SLVERR" in error["text"]


def test_host_refuses_what_it_cannot_do(hosted, tmp_path, frames):
    path, out = frames[0], tmp_path / "results"
    assert run(hosted, path, 10).returncode == 2
    for arguments, text in (
        ((path, 11, 4, out, 0, "fast"), "frame 8 or one behind it cannot be read"),
        ((path, 10, 4, out, 0, "odd"), "the simulated system cannot be made"),
        ((tmp_path / "none", 10, 4, out, 0, "fast"), "none cannot be opened"),
        ((path, 10, 4, tmp_path / "none/results", 0, "fast"), "results cannot be opened"),
    ):
        done = run(hosted, *arguments)
        assert done.returncode == 3
        assert text in done.stderr


@pytest.fixture(scope="module")
def linux(root, tmp_path_factory):
    """slipstick-run with the mock's network."""
    folder = tmp_path_factory.mktemp("linux run")
    mock = root / "tests/firmware"
    for name in ("mock.h", "host/slipstick_model.h"):
        shutil.copy(mock / name, folder)
    # The mock's own file holds its network.
    shutil.copy(mock / "mock.c", folder / "slipstick_model.c")
    environment = {**os.environ, "MODEL": str(folder), "OUT": str(folder)}
    done = subprocess.run(
        [
            "make",
            "-s",
            "-C",
            root / "firmware",
            "linux",
            f"LINUX_CC=gcc {' '.join(SANITIZE)} -Werror",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "slipstick-run"


WRONG = (
    "|help|selftest 3|classify|bench|bench 0|bench -1|bench 4294967296|bench 3x|bench 3 4|"
    "-u x selftest|-u|-q selftest"
)


@pytest.mark.parametrize("arguments", WRONG.split("|"))
def test_linux_refuses_wrong_arguments(linux, arguments):
    done = run(linux, *arguments.split())
    assert done.returncode == 2
    assert "usage: slipstick-run" in done.stderr


def test_linux_without_a_device(linux):
    done = run(linux, "-u", "4000000", "selftest")
    assert done.returncode == 2
    assert done.stderr == "error: the UIO device cannot be opened\n"


@pytest.mark.parametrize("source", ["host/main.c", "linux/main.c", "linux/slipstick_linux.c"])
def test_static_analysis_finds_nothing(root, tmp_path, source):
    firmware, mock = root / "firmware", root / "tests/firmware"
    folders = [firmware, firmware / "ports/host", firmware / "ports/linux", mock / "host", mock]
    options = [*STRICT, "-O2", "-fanalyzer", *(f"-I{folder}" for folder in folders)]
    done = run("gcc", *options, "-c", firmware / "ports" / source, "-o", tmp_path / "o")
    assert done.returncode == 0, done.stderr
