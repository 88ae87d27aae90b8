"""Frames from memory through all components to results in memory."""

import random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from axi_memory import ReadMemory, Simulation, WriteMemory
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.system.axi import READ, WRITE
from slipstick.rtl_templates.system.frame_addresses import FrameAddresses
from slipstick.rtl_templates.system.packer import Packer
from slipstick.rtl_templates.system.read_master import ReadMaster
from slipstick.rtl_templates.system.unpacker import Unpacker
from slipstick.rtl_templates.system.write_master import WriteMaster
from slipstick.synth import count_multipliers

SIZES = [1, 5, 7, 8, 9, 127, 128, 129, 784, 3072]
BATCH = ("source", "source_stride", "destination", "destination_stride", "frames")


class DataPath(wiring.Component):
    """The data path without a stream core: what is read is written."""

    def __init__(self, elements, lanes, element_bytes, beats):
        width = 8 * element_bytes
        self.unpacker = Unpacker(elements, lanes, width, element_bytes, beats)
        self.packer = Packer(elements, lanes, width, False, element_bytes, beats)
        super().__init__(
            {"start": In(1), **{name: In(32) for name in BATCH}, "r": Out(READ), "w": Out(WRITE)}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.sources = sources = FrameAddresses()
        m.submodules.destinations = destinations = FrameAddresses()
        m.submodules.reader = reader = ReadMaster(self.unpacker.frame_bytes)
        m.submodules.writer = writer = WriteMaster()
        m.submodules.unpacker, m.submodules.packer = self.unpacker, self.packer
        m.submodules.fork = fork = Fork(32, 2)
        for addresses, name in ((sources, "source"), (destinations, "destination")):
            m.d.comb += [
                addresses.start.eq(self.start),
                addresses.first.eq(getattr(self, name)),
                addresses.stride.eq(getattr(self, f"{name}_stride")),
                addresses.frames.eq(self.frames),
            ]
        wiring.connect(m, sources.o, reader.i)
        wiring.connect(m, reader.o, self.unpacker.i)
        wiring.connect(m, self.unpacker.o, self.packer.i)
        wiring.connect(m, destinations.o, fork.i)
        wiring.connect(m, fork.o0, writer.commands)
        m.d.comb += [
            self.packer.offsets.payload.eq(fork.o1.payload[:3]),
            self.packer.offsets.valid.eq(fork.o1.valid),
            fork.o1.ready.eq(self.packer.offsets.ready),
        ]
        wiring.connect(m, self.packer.o, writer.i)
        wiring.connect(m, wiring.flipped(self.r), reader.bus)
        wiring.connect(m, wiring.flipped(self.w), writer.bus)
        return m


def copy(path, batch, reads=(), writes=()):
    """Runs a batch and checks what is in memory after it; gives the memory written."""
    size = path.unpacker.frame_bytes
    draw = random.Random(0)
    source, stride, destination, step, frames = batch
    first, last = sorted((source, source + stride * (frames - 1)))
    memory = draw.randbytes(last + size + 16 - first + 8)
    reader = ReadMemory(path.r, lambda at: memory[at - first + 8], **dict(reads))
    writer = WriteMemory(path.w, **dict(writes))

    async def body(ctx, simulation):
        for name, value in zip(BATCH, batch, strict=True):
            ctx.set(getattr(path, name), value % 2**32)
        ctx.set(path.start, 1)
        await simulation.cycle(ctx)
        ctx.set(path.start, 0)
        wanted = frames * size
        await simulation.until(ctx, lambda: len(writer.bytes) == wanted, 4000 + 30 * wanted)
        await simulation.cycles(ctx, 40)

    Simulation(path, reader, writer).run(body)
    assert writer.bytes == {
        destination + step * frame + at: memory[source + stride * frame + at - first + 8]
        for frame in range(frames)
        for at in range(size)
    }
    return writer


BUSY = {"stall": 0.3, "idle": 0.2, "latency": 6}, {"stall_address": 0.3, "stall_word": 0.2}


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_any_size(size):
    path = DataPath((1,), 1, 1, size) if size < 200 else DataPath((4,), 4, 1, size // 4)
    frames = 8 if size < 200 else 2
    # Sources overlap, destinations are odd steps apart; both cross 4 KiB.
    copy(path, (0x1FFB, size // 3 + 1, 0x8FFC, size + 1, frames), *BUSY)


@settings(max_examples=12)
@given(st.data())
def test_any_batch(data):
    lanes = data.draw(st.sampled_from([1, 3, 5, 8, 16]), "lanes")
    elements = tuple(data.draw(st.lists(st.integers(1, lanes), min_size=1, max_size=3), "elements"))
    pixels = data.draw(st.integers(1, 12), "pixels")
    element_bytes = data.draw(st.sampled_from([1, 2, 4]), "element bytes")
    size = pixels * sum(elements) * element_bytes
    source = data.draw(st.integers(0x4000, 0x5000), "source")
    stride = data.draw(st.integers(-500, 500), "source stride")
    destination = data.draw(st.integers(0x8000, 0x9000), "destination")
    step = size + data.draw(st.sampled_from([0, 0, 1, 7, 8, 700]), "gap")
    frames = data.draw(st.integers(1, 6), "frames")
    path = DataPath(elements, lanes, element_bytes, pixels * len(elements))
    copy(path, (source, stride, destination, step, frames), *BUSY)


@pytest.mark.parametrize(("lanes", "cycles"), [(1, 402), (3, 404), (8, 404)])
def test_four_frames_more_of_a_hundred_beats(lanes, cycles):
    # Beside its beats a frame takes at most the cycle in which its first word comes.
    beats, ends = 100, []
    for frames in (2, 6):
        path, size = DataPath((lanes,), lanes, 1, beats), lanes * beats
        writer = copy(path, (0x1003, size, 0x8005, size, frames), {"latency": 20})
        ends.append(writer.cycles[-1])
    assert ends[1] - ends[0] == cycles


def test_nothing_multiplies():
    for lanes, size in ((1, 1), (3, 2), (16, 4)):
        text = rtlil.convert(DataPath((lanes,), lanes, size, 9), name="top")
        assert count_multipliers(text) == {}
