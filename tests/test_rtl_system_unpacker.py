"""Frames out of words of memory."""

import random
from dataclasses import dataclass, field

import pytest
from amaranth.back import rtlil
from axi_memory import Simulation, Sink, Source
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import refuses, run_stream

from slipstick.rtl_templates.system.unpacker import Unpacker

SHAPES = [
    # elements, lanes, width, element_bytes, frame_beats
    ((1,), 1, 8, 1, 1),
    ((1,), 1, 8, 1, 784),
    ((3,), 3, 8, 1, 43),
    ((3,), 4, 5, 1, 9),
    ((5,), 5, 8, 1, 1),
    ((7,), 7, 7, 1, 1),
    ((8,), 8, 8, 1, 16),
    ((4, 4, 1), 4, 8, 1, 3),
    ((1,), 1, 12, 2, 20),
    ((3, 2), 3, 16, 2, 4),
    ((2,), 2, 24, 4, 5),
    ((5,), 5, 20, 4, 3),
    ((16,), 16, 8, 1, 8),
    ((11, 3), 16, 8, 1, 4),
    ((9, 16, 1), 16, 6, 1, 3),
    ((8, 8, 3), 8, 9, 2, 6),
    ((2,), 2, 40, 8, 3),
]


def words_of(frames, offsets, seed=0):
    """The words that a master reads for ``frames``, each from its byte ``offset``; what lies
    around the frames is random."""
    draw = random.Random(seed)
    words = []
    for frame, offset in zip(frames, offsets, strict=True):
        size = -(-(offset + len(frame)) // 8) * 8
        data = bytearray(draw.randbytes(size))
        data[offset : offset + len(frame)] = frame
        for at in range(0, size, 8):
            word = int.from_bytes(data[at : at + 8], "little")
            # The offset of a word that is not a frame's first must not matter.
            place = offset if at == 0 else draw.getrandbits(3)
            words.append(word | (at == 0) << 64 | place << 65)
    return words


def run_frames(shape, offsets, seed=0, **traffic):
    """Random frames from ``offsets``, checked against the model."""
    unpacker = Unpacker(*shape)
    draw = random.Random(seed)
    frames = [draw.randbytes(unpacker.frame_bytes) for _ in offsets]
    expected = [beat for frame in frames for beat in unpacker.model(frame)]
    words = words_of(frames, offsets, seed)
    run = run_stream(unpacker, words, len(expected), seed=seed, **traffic)
    assert run.output == expected
    return run


def test_elements_come_in_order():
    # Two pixels of three 12-bit channels, two bytes each, in beats of two lanes.
    frame = bytes.fromhex("341f 785f bc0f 010f 0200 03f0")
    unpacker = Unpacker((2, 1), 2, 12, 2, 4)
    beats = [0xF78F34, 0xFBC, 0x002F01, 0x003]
    assert unpacker.model(frame) == beats
    assert unpacker.frame_bytes == 12
    assert run_stream(unpacker, words_of([frame], [5]), 4).output == beats


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_offsets(shape):
    offsets = [*range(8), 7, 7, 0, 0, 5]
    if shape[-1] > 100:
        offsets = [3, 0, 7]
    run_frames(shape, offsets)
    run_frames(shape, offsets[:8], idle=0.4, stall=0.4, seed=1)


@settings(max_examples=25)
@given(st.data())
def test_any_shape(data):
    lanes = data.draw(st.integers(1, 17), "lanes")
    elements = tuple(data.draw(st.lists(st.integers(1, lanes), min_size=1, max_size=4), "elements"))
    size = data.draw(st.sampled_from([1, 2, 4, 8]), "element_bytes")
    width = data.draw(st.integers(1, 8 * size), "width")
    pixels = data.draw(st.integers(1, 5), "pixels")
    offsets = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=5), "offsets")
    pauses = st.sampled_from([0.0, 0.4])
    traffic = {"idle": data.draw(pauses), "stall": data.draw(pauses)}
    run_frames((elements, lanes, width, size, pixels * len(elements)), offsets, **traffic)


@pytest.mark.parametrize("shape", SHAPES[:11], ids=str)
def test_one_beat_a_cycle(shape):
    elements, *_, size, beats = shape
    beats = min(beats, 43 * len(elements))
    last = elements[-1] * size
    total = beats // len(elements) * sum(elements) * size
    # Where the last beat ends in the word that comes, the next frame's has to come after it.
    crosses = [(offset + total - last) % 8 + last > 8 for offset in range(8)]
    run = run_frames((*shape[:4], beats), range(8))
    assert run.span("o") == 8 * beats + sum(crosses[:-1])


@pytest.mark.parametrize(("shape", "cycles"), [(SHAPES[12], 2), (SHAPES[11], 3), (SHAPES[13], 1.5)])
def test_a_wide_beat_takes_a_cycle_a_chunk(shape, cycles):
    run = run_frames(shape, [0])
    assert run.cycles["o"][-1] == cycles * len(run.output)


def test_words_behind_a_frame_are_dropped():
    unpacker = Unpacker((1,), 1, 8, 1, 9)
    frames = [bytes(range(1, 10)), bytes(range(11, 20))]
    first, second = words_of(frames[:1], [7]), words_of(frames[1:], [2])
    stray = [0xDEADBEEF, 0x12345678]
    run = run_stream(unpacker, [*stray, *first, *stray, *second], 18)
    assert run.output == [*frames[0], *frames[1]]


@dataclass
class Wanting:
    """Checks `wanting` against the bytes that the unpacker has of a frame of 5 beats of 3 bytes."""

    unpacker: Unpacker
    offsets: list
    words: Source
    beats: Sink
    seen: set = field(default_factory=set)

    def drive(self, ctx, now):
        self.taken, self.given = len(self.words.cycles), len(self.beats.cycles)

    def see(self, ctx, now):
        frame, beat = divmod(self.given, 5)
        words = self.taken - sum(-(-(offset + 15) // 8) for offset in self.offsets[:frame])
        ready = 8 * words - self.offsets[frame % 8] - 3 * beat if words else 0
        wanted = not ctx.get(self.unpacker.i.valid) and ready < 3
        assert ctx.get(self.unpacker.wanting) == wanted
        self.seen.add((wanted, words > 0))


def test_wanting_says_that_a_word_is_needed_and_not_there():
    unpacker, offsets = Unpacker((3,), 3, 8, 1, 5), list(range(8))
    source = Source(unpacker.i, words_of([bytes(15)] * 8, offsets), idle=0.5)
    sink = Sink(unpacker.o, stall=0.3)
    wanting = Wanting(unpacker, offsets, source, sink)

    async def body(ctx, simulation):
        await simulation.cycles(ctx, 200)

    Simulation(unpacker, wanting, source, sink).run(body)
    assert len(sink.beats) == 40
    assert wanting.seen == {(False, False), (False, True), (True, False), (True, True)}


@pytest.mark.parametrize("reset_at", [1, 3, 7, 10])
def test_a_frame_is_right_after_reset(reset_at):
    for shape in (SHAPES[4], SHAPES[7], SHAPES[13]):
        run_frames(shape, [3, 6, 1], stall=0.3, reset_at=reset_at)


def test_converts():
    for shape in SHAPES[::4]:
        assert "top" in rtlil.convert(Unpacker(*shape), name="top")


def test_refuses():
    with refuses("Lanes must be a positive integer, not 0"):
        Unpacker((1,), 0, 8, 1, 1)
    with refuses("Frame beats must be a positive integer, not 0"):
        Unpacker((1,), 1, 8, 1, 0)
    with refuses("Frame beats must be a multiple of 2, not 3"):
        Unpacker((1, 1), 1, 8, 1, 3)
    with refuses("Pixels must have 1 to 2 elements in every beat, not (3,)"):
        Unpacker((3,), 2, 8, 1, 1)
    with refuses("Pixels must have 1 to 2 elements in every beat, not ()"):
        Unpacker((), 2, 8, 1, 1)
    with refuses("Element bytes must be 1, 2, 4 or 8, not 3"):
        Unpacker((1,), 1, 8, 3, 1)
    with refuses("Width must be at most 8 bits, not 9"):
        Unpacker((1,), 1, 9, 1, 1)
