"""The program for Zynq without an operating system: how it is linked, and what it does."""

import importlib.util
import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from arm_machine import DDR, Elf, Machine
from core_model import Core

from slipstick.built import read_build, read_frames
from slipstick.driver import frame_bytes, model_of, write_model
from slipstick.driver.memory import result_bytes
from slipstick.graph import run

LOADED, RUNNING, DONE, FAILED, EXCEPTION = range(5)
SOURCE, DESTINATION, CLASSES = 0x0110_0000, 0x0120_0001 + 3, 0x0130_0000

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None or shutil.which("make") is None,
    reason="ziglang or make is not installed",
)


@pytest.fixture(scope="module")
def elf(root, toy, tmp_path_factory):
    """Built by the Makefile, as a user builds it; in a folder whose name holds a space."""
    folder = tmp_path_factory.mktemp("bare metal")
    write_model(toy, folder)
    command = ["make", "-s", "-C", root / "firmware", "bare_metal", f"PYTHON={sys.executable}"]
    environment = {**os.environ, "MODEL": str(folder), "OUT": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return Elf((folder / "slipstick.elf").read_bytes())


@pytest.fixture(scope="module")
def network(toy):
    manifest, graph = read_build(toy)
    images, _ = read_frames(toy, graph)
    return manifest, graph, images.astype(np.int64)


@pytest.fixture
def machine(elf, toy, network):
    pytest.importorskip("unicorn")
    manifest, graph, _ = network
    shape = manifest.input.shape

    def compute(frame):
        pixels = np.frombuffer(frame, np.uint8).reshape(1, *shape[1:], shape[0])
        image = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.int64))
        return result_bytes(manifest, run(graph, image)[graph.output].numpy())

    return Machine(elf, Core(model_of(toy), compute))


def test_is_linked_whole_and_where_the_board_has_memory(elf):
    assert elf.machine == 40
    assert elf.entry == DDR == elf.symbols["_start"][0]
    undefined = [name for name, (_, section) in elf.symbols.items() if name and not section]
    assert undefined == []
    sections = elf.sections
    assert sections[".mailbox"].address == DDR + 0x100
    assert elf.symbols["mailbox"][0] == DDR + 0x100
    end = DDR
    for section in sections.values():
        assert section.address >= end, section
        end = section.address + section.size
    assert end < 0x0100_0000


def test_bss_and_stacks_take_no_room_in_the_file(elf):
    bss, stacks = elf.sections[".bss"], elf.sections[".stacks"]
    assert not bss.loaded
    assert not stacks.loaded
    symbols = {name: value for name, (value, _) in elf.symbols.items()}
    assert symbols["bss_start"] == bss.address
    assert symbols["bss_end"] == bss.address + bss.size
    tops = [symbols[f"stack_{name}"] for name in ("main", "irq", "exception")]
    assert tops[0] - stacks.address >= 0x4000
    assert tops[1] - tops[0] >= 0x400
    assert tops == sorted(tops)
    assert all(top % 8 == 0 for top in tops)


def test_selftest_alone(machine):
    assert machine.caches == (False, False, True)
    machine.run()
    assert machine.caches == (False, False, False)
    assert machine.mailbox()["status"] == DONE
    assert machine.printed == "Slipstick: tinynet, self-test passed, 0 frames, done\r\n"
    assert machine.interrupts == 1


def test_frames_of_the_loader(machine, network):
    manifest, graph, images = network
    count = len(images)
    machine.write(SOURCE, frame_bytes(manifest, images))
    machine.order(count, SOURCE, DESTINATION, CLASSES)
    machine.run()
    golden = run(graph, torch.from_numpy(images))[graph.output].numpy()
    told = machine.mailbox()
    assert (told["status"], told["error"], told["causes"]) == (DONE, 0, 0)
    assert (told["cycles_low"], told["cycles_high"]) == (1234 + (1 << 31), 5)
    expected = result_bytes(manifest, golden)
    assert machine.read(DESTINATION, len(expected)) == expected
    classes = struct.unpack(f"<{count}I", machine.read(CLASSES, 4 * count))
    assert [*classes] == golden.reshape(count, -1).argmax(1).tolist()
    assert machine.interrupts == 2


def test_without_interrupts_it_only_takes_longer(machine):
    machine.core.interrupts = False
    machine.run()
    assert machine.mailbox()["status"] == DONE
    assert machine.interrupts == 0


def test_another_network_is_refused(machine):
    machine.core["HASH[2]"] ^= 1
    machine.run()
    told = machine.mailbox()
    assert told["status"] == FAILED
    assert "self-test failed" in machine.printed
    assert "built from another network" in machine.printed


def test_causes_are_told(machine):
    machine.core.errors = 8
    machine.run()
    assert machine.mailbox()["causes"] == 8
    assert machine.mailbox()["status"] == FAILED


def test_frames_outside_of_memory_are_refused(machine):
    machine.order(1, 0x0000_1000, DESTINATION, 0)
    machine.run()
    assert machine.mailbox()["status"] == FAILED
    assert "cannot address" in machine.printed


@pytest.mark.parametrize(("vector", "number"), [(4, 1), (8, 2), (12, 3), (16, 4), (20, 5), (28, 7)])
def test_exceptions_end_the_program(machine, elf, vector, number):
    machine.elf.entry = elf.symbols["_start"][0] + vector
    machine.run()
    machine.elf.entry = elf.symbols["_start"][0]
    assert machine.mailbox()["status"] == EXCEPTION
    assert machine.mailbox()["error"] == number
    assert machine.printed == f"exception {number}\r\n"
