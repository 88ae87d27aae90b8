"""Frames from memory through all components to results in memory."""

import random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from axi_memory import Pulses, ReadMemory, Simulation, WriteMemory
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstick.rtl_templates.system.axi import READ, WRITE
from slipstick.rtl_templates.system.data_path import DataPath
from slipstick.rtl_templates.system.parameters import TensorFormat
from slipstick.synth import count_multipliers

SIZES = [1, 5, 7, 8, 9, 127, 128, 129, 784, 3072]
BATCH = ("source", "source_stride", "destination", "destination_stride", "frames")


class Loop(wiring.Component):
    """The data path without a stream core: what is read is written."""

    def __init__(self, elements, lanes, element_bytes, beats):
        form = TensorFormat(elements, lanes, 8 * element_bytes, False, element_bytes, beats)
        self.bytes, self._path = form.bytes, DataPath(form, form)
        super().__init__(
            {
                "begin": In(1),
                **{name: In(32) for name in BATCH},
                "read": Out(READ),
                "write": Out(WRITE),
                "frames_written": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.path = path = self._path
        m.d.comb += [getattr(path, name).eq(getattr(self, name)) for name in ("begin", *BATCH)]
        m.d.comb += self.frames_written.eq(path.frames_written)
        wiring.connect(m, wiring.flipped(self.read), path.read)
        wiring.connect(m, wiring.flipped(self.write), path.write)
        wiring.connect(m, path.o, path.i)
        return m


def copy(path, batch, reads=(), writes=()):
    """Runs a batch and checks what is in memory after it; gives the memory written."""
    size = path.bytes
    draw = random.Random(0)
    source, stride, destination, step, frames = batch
    first, last = sorted((source, source + stride * (frames - 1)))
    memory = draw.randbytes(last + size + 16 - first + 8)
    reader = ReadMemory(path.read, lambda at: memory[at - first + 8], **dict(reads))
    writer = WriteMemory(path.write, **dict(writes))

    async def body(ctx, simulation):
        for name, value in zip(BATCH, batch, strict=True):
            ctx.set(getattr(path, name), value % 2**32)
        ctx.set(path.begin, 1)
        await simulation.cycle(ctx)
        ctx.set(path.begin, 0)
        wanted = frames * size
        await simulation.until(ctx, lambda: len(writer.bytes) == wanted, 4000 + 30 * wanted)
        await simulation.cycles(ctx, 40)

    written = Pulses(path, ["frames_written"])
    Simulation(path, reader, writer, written).run(body)
    assert len(written.cycles["frames_written"]) == frames
    assert writer.bytes == {
        destination + step * frame + at: memory[source + stride * frame + at - first + 8]
        for frame in range(frames)
        for at in range(size)
    }
    return writer


BUSY = {"stall": 0.3, "idle": 0.2, "latency": 6}, {"stall_address": 0.3, "stall_word": 0.2}


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_any_size(size):
    path = Loop((1,), 1, 1, size) if size < 200 else Loop((8,), 8, 1, size // 8)
    frames = 8 if size < 200 else 2
    # Sources overlap, destinations are odd steps apart; both cross 4 KiB.
    copy(path, (0x1FFB, size // 3 + 1, 0x8FFC, size + 1, frames), *BUSY)


@settings(max_examples=8)
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
    path = Loop(elements, lanes, element_bytes, pixels * len(elements))
    copy(path, (source, stride, destination, step, frames), *BUSY)


@pytest.mark.parametrize(("lanes", "cycles"), [(1, 402), (3, 404), (8, 404)])
def test_four_frames_more_of_a_hundred_beats(lanes, cycles):
    # Beside its beats a frame takes at most the cycle in which its first word comes.
    beats, ends = 100, []
    for frames in (2, 6):
        path, size = Loop((lanes,), lanes, 1, beats), lanes * beats
        writer = copy(path, (0x1003, size, 0x8005, size, frames), {"latency": 20})
        ends.append(writer.cycles[-1])
    assert ends[1] - ends[0] == cycles


def test_nothing_multiplies():
    for lanes, size in ((1, 1), (3, 2), (16, 4)):
        text = rtlil.convert(Loop((lanes,), lanes, size, 9), name="top")
        assert count_multipliers(text) == {}
