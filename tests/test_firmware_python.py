"""The Python driver, on a core made of software and through each of its transports."""

import dataclasses
import itertools
import os
import socket
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from core_model import NEVER, Core

from slipstick.built import read_build, read_frames
from slipstick.driver import (
    Accelerator,
    BusError,
    DevmemTransport,
    DriverError,
    PynqTransport,
    SimulatedTransport,
    Status,
    UioTransport,
    mapped,
    model_of,
)
from slipstick.driver.grid import from_bytes, to_bytes
from slipstick.errors import SlipstickError
from slipstick.graph import run

BASE = 0x1000_0000


class Cached:
    """A buffer behind a cache: what is not flushed or invalidated stays where it was."""

    def __init__(self, memory, start, size):
        self._memory, self._start = memory, start
        self.address = memory.base + start
        self.array = np.full(size, 0xA5, np.uint8)

    def flush(self):
        self._memory.array[self._start : self._start + len(self.array)] = self.array

    def invalidate(self):
        self.array[:] = self._memory.array[self._start : self._start + len(self.array)]


class Memory:
    """What the core sees."""

    def __init__(self, base=BASE):
        self.base = base
        self.array = np.full(1 << 16, 0x5A, np.uint8)

    def read(self, address, size):
        start = address - self.base
        return self.array[start : start + size].tobytes()

    def write(self, address, data):
        start = address - self.base
        self.array[start : start + len(data)] = np.frombuffer(bytes(data), np.uint8)


class Direct:
    """A transport to a `Core`."""

    def __init__(self, core):
        self.core = core
        self.used, self.waits, self.time = 0, 0, 0.0
        self.read32, self.write32 = core.read32, core.write32

    def buffer(self, size):
        start = self.used
        self.used += -(-size // 64) * 64
        return Cached(self.core.memory, start, size)

    def seconds(self):
        self.time += 1e-6
        self.core.tick()
        return self.time

    def wait_interrupt(self, seconds):
        self.waits += 1
        for _ in range(int(seconds * 1e6)):
            if self.core.interrupt:
                return
            self.seconds()


@pytest.fixture(scope="module")
def network(toy):
    _, graph = read_build(toy)
    images, _ = read_frames(toy, graph)
    golden = run(graph, torch.from_numpy(images.astype(np.int64)))[graph.output].numpy()
    return model_of(toy), images.astype(np.int64), golden


@pytest.fixture
def core(network):
    model, images, golden = network
    known = {to_bytes(model.frame, images[n : n + 1]): n for n in range(len(images))}

    def compute(frame):
        return to_bytes(model.result, golden[known[frame] : known[frame] + 1], model.order)

    core = Core(model, compute)
    core.memory = Memory()
    return core


@pytest.fixture
def accelerator(core, network):
    return Accelerator(Direct(core), network[0], frames=5)


def refused(status, call, *arguments):
    with pytest.raises(DriverError) as caught:
        call(*arguments)
    assert caught.value.status is status
    return caught.value


def test_frames_in_batches(accelerator, core, network):
    _, images, golden = network
    assert (accelerator.infer(images) == golden).all()
    assert core.starts == -(-len(images) // 5)
    assert core["IRQ_STATUS"] == 0


def test_step_by_step(accelerator, network):
    _, images, golden = network
    accelerator.load(images[3:6])
    accelerator.start(3)
    while not accelerator.poll():
        pass
    assert (accelerator.results(3) == golden[3:6]).all()
    counters = accelerator.counters()
    assert counters.cycles == (5 << 32) + 1234 + (1 << 31)


def test_channels_are_put_in_order(core, network):
    model, images, _ = network
    order = (3, 1, 4, 0, 2)
    shuffled = model.model_copy(update={"order": order})
    plain = core.compute
    # What leaves the core is the same; that it means other channels is the model's affair.
    accelerator = Accelerator(Direct(core), shuffled)
    found = accelerator.infer(images[:1]).ravel()
    raw = from_bytes(model.result, plain(to_bytes(model.frame, images[:1]))).ravel()
    assert [found[channel] for channel in order] == raw.tolist()


def test_classes(accelerator, network, core):
    model, _, golden = network
    assert (
        accelerator.classes(golden).tolist() == golden.reshape(len(golden), -1).argmax(1).tolist()
    )
    ties = np.array([[7, 7, 1, 0, 7]])[..., None, None]
    assert accelerator.classes(ties).tolist() == [0]
    accelerator.model = model.model_copy(update={"ends_in_class": True})
    assert accelerator.classes(np.array([[[[3]]]])).tolist() == [3]
    accelerator.model = model.model_copy(update={"classes": 0})
    refused(Status.NO_CLASS, accelerator.classes, golden)


def test_selftest(accelerator, core):
    accelerator.selftest()
    core.wrong = True
    refused(Status.WRONG_RESULT, accelerator.selftest)


@pytest.mark.parametrize(
    ("name", "status"),
    [("ID", Status.WRONG_DEVICE), ("VERSION", Status.WRONG_VERSION)]
    + [(f"HASH[{n}]", Status.WRONG_NETWORK) for n in range(4)]
    + [(name, Status.WRONG_GEOMETRY) for name in ("GEOMETRY", "FRAME_BYTES", "RESULT_BYTES")],
)
def test_another_core_is_refused(core, network, name, status):
    core[name] ^= 1 << 24 if name == "VERSION" else 1
    refused(status, Accelerator, Direct(core), network[0])
    assert core["IRQ_ENABLE"] == 0


def test_minor_versions_and_clocks_are_no_difference(core, network):
    core["VERSION"] |= 0x0005_0007
    core["GEOMETRY"] |= 1 << 24
    Accelerator(Direct(core), network[0]).selftest()


def test_what_a_network_cannot_take_is_refused(accelerator, network, core):
    _, images, _ = network
    for wrong in (images[:, :, 1:], images[0], images[:1].astype(np.float32), images[:1] + 256):
        with pytest.raises(ValueError, match="integers of"):
            accelerator.load(wrong)
    with pytest.raises(ValueError, match="positive integer"):
        Accelerator(Direct(core), network[0], frames=0)
    refused(Status.NO_ROOM, accelerator.load, images[:6])
    refused(Status.NO_ROOM, accelerator.start, 6)
    refused(Status.NO_ROOM, accelerator.results, 6)
    refused(Status.NO_FRAMES, accelerator.start, 0)
    refused(Status.NO_FRAMES, accelerator.infer, images[:0])
    assert core.starts == 0


def test_memory_beyond_32_bits_is_refused(core, network):
    core.memory = Memory(base=(1 << 32) - 64)
    refused(Status.UNREACHABLE, Accelerator, Direct(core), network[0])


def test_busy(accelerator, core, network):
    _, images, _ = network
    core.duration = NEVER
    accelerator.start(1)
    for call in (lambda: accelerator.start(1), lambda: accelerator.infer(images[:1])):
        refused(Status.BUSY, call)
    refused(Status.BUSY, accelerator.selftest)
    refused(Status.BUSY, accelerator.results, 1)
    assert core.starts == 1
    assert accelerator.poll() is False
    accelerator.reset()
    core.duration = 10
    accelerator.selftest()


def test_not_started(accelerator):
    refused(Status.NOT_STARTED, accelerator.poll)
    refused(Status.NOT_STARTED, accelerator.wait, 1)


def test_timeout(accelerator, core):
    core.duration = NEVER
    accelerator.start(1)
    refused(Status.TIMEOUT, accelerator.wait, 0.02)
    core.left = 5
    with pytest.raises(KeyError):
        # The batch goes on, and only now finds that nobody has loaded a frame.
        accelerator.wait(1)


def test_timeout_ends_the_batch(accelerator, core):
    core.duration = NEVER
    refused(Status.TIMEOUT, accelerator.selftest, 0.01)
    assert core.left == 0
    core.duration = 10
    accelerator.selftest()


def test_lost_interrupt(accelerator, core):
    core.interrupts = False
    core.duration = 500
    accelerator.selftest(seconds=1)
    assert accelerator._transport.time < 0.02


def test_each_cause(accelerator, core):
    names = [field.name for field in core.map["ERRORS"].fields]
    assert len(names) == 9
    for bit, name in enumerate(names):
        core.errors = 1 << bit
        error = refused(Status.FAILED, accelerator.selftest)
        assert error.causes == (name,)
        assert name in str(error)
    core.errors = 0
    accelerator.selftest()


def test_a_refused_start(accelerator, core, network):
    model = network[0]
    frame = model.frame.model_copy(update={"bytes": model.frame.bytes - 1})
    accelerator.model = model.model_copy(update={"frame": frame})
    accelerator.start(1)
    assert refused(Status.FAILED, accelerator.wait, 1).causes == ("short_frame",)


def test_hung_memory(accelerator, core):
    core.hung = True
    error = refused(Status.HUNG, accelerator.selftest)
    assert error.causes == ("watchdog",)
    refused(Status.HUNG, accelerator.reset)
    refused(Status.BUSY, accelerator.start, 1)
    accelerator.abandon()
    accelerator.selftest()


def test_bus_errors(accelerator, core):
    for name in ("STATUS", "SOURCE", "CONTROL", "ERRORS"):
        core.broken = name
        refused(Status.BUS_ERROR, accelerator.selftest)
    core.broken = "STAGE[1].STALLS"
    refused(Status.BUS_ERROR, accelerator.stage_counters)


def test_counters(accelerator, core):
    names = [r.name for r in core.map.registers if 0x80 <= r.offset < 0xB0]
    for value, name in enumerate(names):
        core[name] = value + 1
    counters = dataclasses.asdict(accelerator.counters())
    assert counters.pop("cycles") == (4 << 32) + 3 + (1 << 31)
    assert list(counters.values()) == [1, 2, 5, 6, 7, 8, 9, 10, 11]
    core["CYCLES_LOW"] |= 1 << 31
    assert accelerator.counters().cycles == (5 << 32) + 3
    core["STAGE[2].BEATS"], core["STAGE[2].STALLS"], core["STAGE[2].SATURATED"] = 7, 8, 9
    stage = accelerator.stage_counters()[2]
    assert dataclasses.astuple(stage) == (accelerator.model.stages[2], 7, 8, 9)
    assert len(accelerator.stage_counters()) == len(accelerator.model.stages)


def test_limits_reach_the_core(accelerator, core):
    accelerator.watchdog, accelerator.saturation_limit = 77, 3
    accelerator.selftest()
    assert (core["WATCHDOG"], core["SATURATION_LIMIT"]) == (77, 3)


class Simulated:
    """A `Core` as the simulated system shows itself."""

    def __init__(self, core):
        self.core, self.cycles = core, 0
        self.base, self.memory = core.memory.base, core.memory.array

    def response_of_read(self, offset):
        try:
            return 0, self.core.read32(offset)
        except BusError:
            return 2, 0

    def response_of_write(self, offset, value):
        try:
            self.core.write32(offset, value)
        except BusError:
            return 2
        return 0

    def run_until_interrupt(self, cycles):
        for _ in range(cycles):
            if self.core.interrupt:
                return True
            self.cycles += 1
            self.core.tick()
        return False


def test_simulated_system(core, network):
    model, images, golden = network
    transport = SimulatedTransport(Simulated(core), 1_000_000)
    accelerator = Accelerator(transport, model, frames=4)
    assert (accelerator.infer(images) == golden).all()
    for name in ("STATUS", "LENGTH"):
        core.broken = name
        refused(Status.BUS_ERROR, accelerator.selftest)
    with pytest.raises(SlipstickError, match="simulated system"):
        transport.buffer(1 << 20)


class FakePynq(types.ModuleType):
    """As much of PYNQ's package as is used."""

    def __init__(self, core):
        super().__init__("pynq")
        self.core = core
        self.starts = itertools.count(0, 4096)

    def Overlay(self, bitstream):
        if "none" in bitstream:
            raise FileNotFoundError(bitstream)
        cell = types.SimpleNamespace(read=self.core.read32, write=self.core.write32)
        return types.SimpleNamespace(**({} if "other" in bitstream else {"slipstick": cell}))

    def allocate(self, shape, dtype):
        assert dtype is np.uint8
        buffer = Cached(self.core.memory, next(self.starts), shape[0])
        memory = buffer.array.view(PynqArray)
        memory.device_address = buffer.address
        memory.flush, memory.invalidate = buffer.flush, buffer.invalidate
        return memory


class PynqArray(np.ndarray):
    pass


def test_pynq(core, network, monkeypatch, tmp_path):
    model, images, golden = network
    with pytest.raises(SlipstickError, match="'pynq': is not installed"):
        PynqTransport(tmp_path / "system.bit")
    monkeypatch.setitem(sys.modules, "pynq", FakePynq(core))
    for name in ("none.bit", "other.bit"):
        with pytest.raises(SlipstickError, match="is no overlay with a cell 'slipstick'"):
            PynqTransport(tmp_path / name)
    core.interrupts = False
    transport = PynqTransport(tmp_path / "system.bit")
    ticking = transport.seconds
    monkeypatch.setattr(transport, "seconds", lambda: (core.tick(), ticking())[1])
    assert (Accelerator(transport, model, frames=7).infer(images) == golden).all()


@pytest.fixture
def devices(tmp_path, monkeypatch):
    """Plain files where the devices are."""
    for name, size in (("uio3", 0x1400), ("mem", 0x3400), ("frames", 8192)):
        (tmp_path / name).write_bytes(bytes(size))
    home = tmp_path / "u-dma-buf/frames"
    home.mkdir(parents=True)
    (home / "size").write_text("8192\n")
    (home / "phys_addr").write_text("0x1f100020\n")
    monkeypatch.setattr(mapped, "DEVICES", tmp_path)
    monkeypatch.setattr(mapped, "CLASSES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["uio", "devmem"])
def test_mapped_registers_and_memory(devices, kind):
    if kind == "uio":
        transport, file, base = UioTransport(3, "frames"), devices / "uio3", 0
    else:
        transport, file, base = DevmemTransport(0x2000, "frames"), devices / "mem", 0x2000
    transport.write32(0x54, 0xCAFE_F00D)
    assert transport.read32(0x54) == 0xCAFE_F00D
    assert file.read_bytes()[base + 0x54 : base + 0x58] == bytes.fromhex("0df0feca")
    first, second = transport.buffer(100), transport.buffer(8)
    assert (first.address, second.address) == (0x1F10_0040, 0x1F10_00C0)
    second.array[:] = 7
    assert (devices / "frames").read_bytes()[160:168] == bytes([7] * 8)
    with pytest.raises(SlipstickError, match="Memory 'frames': has 7,968 bytes left"):
        transport.buffer(7969)
    begin = transport.seconds()
    if kind == "devmem":
        transport.wait_interrupt(10)
    assert transport.seconds() - begin < 5


def test_uio_lets_the_interrupt_in_and_takes_it(devices):
    transport = UioTransport(3, "frames")
    os.close(transport._file)
    ours, kernel = socket.socketpair()
    with ours, kernel:
        transport._file = ours.fileno()
        transport.wait_interrupt(0.01)
        assert kernel.recv(100) == (1).to_bytes(4, sys.byteorder)
        kernel.send(b"\0\0\0\5")
        transport.wait_interrupt(10)
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(100)


def test_missing_devices_are_errors_of_the_user(devices):
    for make in (lambda: UioTransport(4, "frames"), lambda: UioTransport(3, "none")):
        with pytest.raises(SlipstickError):
            make()
    (devices / "u-dma-buf/frames/size").write_text("many\n")
    with pytest.raises(SlipstickError, match="tells no number"):
        UioTransport(3, "frames")
    (devices / "uio3").write_bytes(b"")
    with pytest.raises(SlipstickError, match="cannot be mapped"):
        UioTransport(3, "frames")


def test_boards_need_no_torch():
    code = "import slipstick.driver, sys; print({'torch', 'amaranth'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
