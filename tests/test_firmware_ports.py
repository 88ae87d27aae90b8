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
    # As much as 600 frames take, since that is what the program asks for.
    options = [*STRICT, *SANITIZE, "-DMOCK_MEMORY=8192u", *(f"-I{folder}" for folder in folders)]
    done = run("gcc", *options, *sources, "-o", path)
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


@pytest.fixture(scope="module")
def on_mock(root, tmp_path_factory):
    """slipstick-run with the mock in place of the port."""
    path = tmp_path_factory.mktemp("linux") / "slipstick-run"
    firmware, mock = root / "firmware", root / "tests/firmware"
    folders = [firmware, firmware / "ports/linux", mock / "host", mock]
    files = ["firmware/slipstick.c", "firmware/ports/linux/main.c", "tests/firmware/mock.c"]
    sources = [*(root / name for name in files), mock / "linux/fake_linux.c"]
    done = run("gcc", *STRICT, *SANITIZE, *(f"-I{f}" for f in folders), *sources, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


def test_linux_selftest(on_mock):
    for options in ([], ["-u", 4], ["-d", "udmabuf0"]):
        done = run(on_mock, *options, "selftest")
        assert (done.returncode, done.stdout) == (0, "mock: self-test passed\n")


def test_linux_classifies(on_mock, tmp_path):
    image = np.array([[200, 90, 3, 1, 50, 20]])
    (tmp_path / "image").write_bytes(image.astype(np.uint8).tobytes())
    done = run(on_mock, "classify", tmp_path / "image")
    # In the tensor's order: the channel that leaves the core first is the last.
    values = np.roll(golden(image)[0], -1).tolist()
    assert done.stdout.splitlines() == ["class 0", *map(str, values)]
    assert done.returncode == 0
    for size in (5, 7):
        (tmp_path / "image").write_bytes(bytes(size))
        done = run(on_mock, "classify", tmp_path / "image")
        assert (done.returncode, done.stderr) == (2, "error: the image is not as long as a frame\n")
    done = run(on_mock, "classify", tmp_path / "none")
    assert (done.returncode, done.stderr) == (2, "error: the image cannot be opened\n")


@pytest.mark.parametrize("frames", [1, 5000])
def test_linux_bench(on_mock, frames):
    done = run(on_mock, "bench", frames)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{frames} frames in ")
    assert done.stdout.endswith(" cycles a frame, ideally 100\n")


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ("-u 1 selftest", 1, "the core was built from another network (status 16, causes 0x0)"),
        ("-u 2 selftest", 1, "(status 20, causes 0x2)"),
        ("-u 2 bench 3", 1, "(status 20, causes 0x2)"),
        ("-u 3 selftest", 1, "the buffers hold fewer frames"),
        ("-u 9 selftest", 2, "error: nothing is there"),
        ("-d other selftest", 2, "error: no such buffer"),
    ],
)
def test_linux_tells_what_failed(on_mock, options, code, text):
    done = run(on_mock, *options.split())
    assert done.returncode == code
    assert text in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def port(root, tmp_path_factory):
    """The Linux port around a test, and the folder of its devices."""
    home = tmp_path_factory.mktemp("devices")
    firmware = root / "firmware"
    folders = [f"-I{firmware}", f"-I{firmware / 'ports/linux'}"]
    macros = [f'-DSLIPSTICK_{name}="{home}"' for name in ("DEVICES", "CLASSES")]
    sources = [
        firmware / "ports/linux/slipstick_linux.c",
        root / "tests/firmware/linux/test_port.c",
    ]
    done = run("gcc", *STRICT, *SANITIZE, *macros, *folders, *sources, "-o", home / "test")
    assert done.returncode == 0, done.stderr
    return home / "test", home


@pytest.fixture
def devices(port):
    """Plain files where the devices are."""
    program, home = port
    for map_, size, address in ((0, 0x2000, 0x43C0_0000), (1, 0x1000, 0x1F00_0000)):
        folder = home / f"uio/uio3/maps/map{map_}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "size").write_text(f"{size:#x}\n")
        (folder / "addr").write_text(f"{address:#x}\n")
    folder = home / "u-dma-buf/frames"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "size").write_text("8192\n")
    (folder / "phys_addr").write_text("0x1e000000\n")
    (home / "uio3").write_bytes(bytes(0x2000))
    (home / "frames").write_bytes(bytes(0x2000))
    return program, home


@pytest.mark.parametrize(("buffer", "address"), [("", "1f000064"), ("frames", "1e000064")])
def test_linux_port(devices, buffer, address):
    program, home = devices
    done = run(program, buffer)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "register cafef00d",
        f"address 0 {address}",
        "outside -1 -1 -1",
        "quick 1",
    ]
    assert (home / "uio3").read_bytes()[0x54:0x58] == bytes.fromhex("0df0feca")
    # UIO has its second map behind the first page; the buffer is a file of its own.
    written = (home / "frames").read_bytes() if buffer else (home / "uio3").read_bytes()[0x1000:]
    assert written[:10] == bytes([7] * 10)


def test_linux_port_says_what_is_missing(devices):
    program, home = devices
    wrong = run(program, "other")
    assert (wrong.returncode, wrong.stdout) == (1, "there is no such u-dma-buf buffer\n")
    for path, text in (
        ("uio/uio3/maps/map1/size", "the UIO device has no second map for memory"),
        ("uio/uio3/maps/map0/size", "the UIO device's first map is too small"),
        ("uio3", "the UIO device cannot be opened"),
    ):
        (home / path).unlink()
        assert run(program, "").stdout == f"{text}\n"


@pytest.mark.parametrize("source", ["host/main.c", "linux/main.c", "linux/slipstick_linux.c"])
def test_static_analysis_finds_nothing(root, tmp_path, source):
    firmware, mock = root / "firmware", root / "tests/firmware"
    folders = [firmware, firmware / "ports/host", firmware / "ports/linux", mock / "host", mock]
    options = [*STRICT, "-O2", "-fanalyzer", *(f"-I{folder}" for folder in folders)]
    done = run("gcc", *options, "-c", firmware / "ports" / source, "-o", tmp_path / "o")
    assert done.returncode == 0, done.stderr
