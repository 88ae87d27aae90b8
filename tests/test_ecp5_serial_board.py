"""The host and a whole Verilated design on a serial line: results bit for bit, whatever happens."""

import random
import sys

import numpy as np
import pytest
import serial_board as example
import torch
from serial_line import TIMEOUT
from verilated_line import VerilatedPort, line_library, write_gates

from slipstick.boards import board
from slipstick.build_folder import read_manifest
from slipstick.ecp5 import serial_board, sources
from slipstick.ecp5.packets import Answer, answer_packet
from slipstick.ecp5.serial_board import SerialBoard, open_board
from slipstick.ecp5.sources import SILENCE_SECONDS, write_sources
from slipstick.errors import SlipstickError
from slipstick.graph import load, run
from slipstick.rtl_templates.uart.packet import HASH_BYTES, WINDOW, Status

MHZ = 8
"""With a megabaud, 8 cycles a bit."""


@pytest.fixture(scope="module")
def project(build, tmp_path_factory):
    """Sources of the small network on an OrangeCrab of 8 MHz."""
    folder = tmp_path_factory.mktemp("line")
    found = board("orangecrab")
    ecp5 = found.ecp5.model_copy(update={"oscillator_mhz": MHZ})
    slow = found.model_copy(update={"clock_mhz": MHZ, "ecp5": ecp5})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "SILENCE_SECONDS", TIMEOUT / (MHZ * 1e6))
        write_sources(build.folder, read_manifest(build.folder), slow, folder)
    return folder


@pytest.fixture(scope="module")
def machine(build, project):
    """Library, manifest and graph."""
    return line_library(project), read_manifest(build.folder), load(build.folder / "graph")


def frames(graph, count, seed):
    tensor = graph.tensors[graph.input.name]
    lo, hi = int(tensor.lo.min()), int(tensor.hi.max())
    images = np.random.default_rng(seed).integers(lo, hi + 1, (count, *tensor.shape))
    return images, run(graph, torch.from_numpy(images))[graph.output].numpy()


def connected(machine, **options):
    library, manifest, _ = machine
    port = VerilatedPort(library, SILENCE_SECONDS, **options)
    return port, SerialBoard(port, manifest)


def test_results_are_those_of_the_golden_model(machine):
    images, golden = frames(machine[2], 12, 0)
    port, host = connected(machine)
    start = port.now
    assert (host.run(images) == golden).all()
    assert host.resent == 0
    # Frames follow each other without a gap, but for the last answer.
    manifest = machine[1]
    packet, answer = 6 + manifest.input.frame_bytes, 11 + manifest.output.frame_bytes
    assert port.now - start < 80 * (12 * packet + answer) + 2 * manifest.cycles_per_frame + 1500
    # The same connection goes on.
    assert (host.run(images[:1]) == golden[:1]).all()
    assert host.run(images[:0]).shape == (0, *golden.shape[1:])


@pytest.mark.parametrize(
    ("way", "rate", "damage"),
    [
        ("to_board", 0.003, "lost"),
        ("to_board", 0.003, "changed"),
        ("to_board", 0.003, "added"),
        ("to_board", 0.003, "broken"),
        ("to_host", 0.02, "lost"),
        ("to_host", 0.02, "changed"),
        ("to_host", 0.02, "added"),
    ],
)
def test_damage_costs_time_but_no_result(machine, way, rate, damage):
    chance = random.Random(f"{damage} {way}")

    def spoil(data):
        spoilt = []
        for byte in data:
            hit = chance.random() < rate
            if hit and damage == "lost":
                continue
            spoilt.append(byte ^ {"changed": 0x10, "broken": 0x100}.get(damage, 0) * hit)
            if hit and damage == "added":
                spoilt.append(0xA5)
        return spoilt

    images, golden = frames(machine[2], 12, 1)
    _, host = connected(machine, **{way: spoil})
    assert (host.run(images) == golden).all()
    assert host.resent > 0


@pytest.mark.slow
def test_mapped_cells_compute_the_same(machine, project, tmp_path):
    cells = write_gates(project, tmp_path)
    assert {"LUT4", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4"} <= set(cells)
    images, golden = frames(machine[2], 12, 0)
    _, host = connected((line_library(tmp_path), *machine[1:]))
    assert (host.run(images) == golden).all()
    assert host.resent == 0


def test_noise_before_the_first_frame_does_not_matter(machine):
    images, golden = frames(machine[2], 2, 2)
    library, manifest, _ = machine
    port = VerilatedPort(library, SILENCE_SECONDS)
    port.send([0xA5, 1, 2, 3, 0x100, 0xFF])
    host = SerialBoard(port, manifest)
    assert (host.run(images) == golden).all()


def test_another_network_is_seen(machine):
    images, _ = frames(machine[2], 1, 3)
    library, manifest, _ = machine
    other = manifest.model_copy(update={"hashes": {"graph/graph.json": "0" * 64}})
    host = SerialBoard(VerilatedPort(library, SILENCE_SECONDS), other)
    with pytest.raises(SlipstickError, match="Board: holds another network; load the bitstream"):
        host.run(images)


def test_no_board_is_an_error(machine):
    images, _ = frames(machine[2], 1, 4)
    _, host = connected(machine, to_board=lambda data: [])
    with pytest.raises(SlipstickError, match=r"Board: does not answer.*; check the cable"):
        host.run(images)
    _, host = connected(machine, to_board=lambda data: data[1:])
    with pytest.raises(SlipstickError, match=r"Board: refuses every frame \(no start\)"):
        host.run(images)


class Chatter:
    """Something else at the port."""

    timeout = None

    def read(self, size):
        return bytes(size)

    def write(self, data):
        return len(data)


def test_something_else_at_the_port_is_an_error(machine):
    with pytest.raises(SlipstickError, match="Board: never stops sending"):
        SerialBoard(Chatter(), machine[1])


class Scripted(Chatter):
    """Gives prepared answers, each when a packet has been written."""

    def __init__(self, answers):
        self.answers, self.waiting = list(answers), b""

    def read(self, size):
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def write(self, data):
        if self.answers:
            self.waiting += self.answers.pop(0)
        return len(data)


def test_an_answer_to_an_earlier_try_is_passed_over(machine):
    _, manifest, _ = machine
    graph = manifest.graph_hash[:HASH_BYTES]
    size = manifest.output.frame_bytes

    def answer(sequence, fill):
        return answer_packet(Answer(sequence, Status.OK, graph, bytes([fill] * size)))

    images, _ = frames(machine[2], 1, 5)
    port = Scripted([answer(99, 1) + answer(1, 2)])
    result = SerialBoard(port, manifest).run(images)
    assert set(np.unique(result)) == {0x0202 if manifest.output.element_bytes == 2 else 2}


def test_a_lost_answer_is_asked_for_again(machine):
    _, manifest, _ = machine
    graph, size = manifest.graph_hash[:HASH_BYTES], manifest.output.frame_bytes
    answers = [answer_packet(Answer(n, Status.OK, graph, bytes(size))) for n in range(5)]
    images, _ = frames(machine[2], WINDOW, 6)
    port = Scripted([b"", answers[2], answers[3], answers[4]])
    host = SerialBoard(port, manifest)
    host.run(images)
    assert host.resent == 1


def test_ports_that_cannot_be_opened(build, monkeypatch):
    with pytest.raises(SlipstickError, match="Serial port '/dev/none': cannot be opened"):
        open_board(build.folder, "/dev/none")
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(SlipstickError, match="Package 'pyserial': is not installed; pip install"):
        open_board(build.folder, "/dev/none")


def test_a_port_is_opened_with_the_boards_baud_rate(build, monkeypatch):
    opened = []

    class Serial(Scripted):
        def __init__(self, device, baud):
            opened.append((device, baud))
            super().__init__([])

    serial = pytest.importorskip("serial")
    monkeypatch.setattr(serial, "Serial", Serial)
    open_board(build.folder, "/dev/board")
    assert opened == [("/dev/board", serial_board.BAUD)]


def test_the_example_compares_with_the_golden_model(machine, build, monkeypatch, capsys):
    _, host = connected(machine)
    monkeypatch.setattr(example, "open_board", lambda folder, device: host)
    arguments = [str(build.folder), "/dev/board", "--frames", "3"]
    assert example.main(arguments) == 0
    assert capsys.readouterr().out.startswith("3 frames, 0 wrong, 0 resent, ")
    monkeypatch.setattr(host, "run", lambda images: 0 * images[:, :1, :1, :1])
    assert example.main(arguments) == 1
