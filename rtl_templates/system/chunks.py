"""How the beats of a frame are cut into pieces that a word of memory can hold."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.system.axi import WORD_BYTES

CONTAINERS = (1, 2, 4, 8)
"""Bytes that an element can take in memory."""


@dataclass(frozen=True)
class Chunks:
    """Beats of several elements in memory: each is cut into words, the last piece is shorter.

    Parameters
    ----------
    elements : elements in each beat of a pixel, the first lanes of the beat; pads follow.
    lanes : lanes of a beat.
    width : bits of a lane.
    element_bytes : bytes of an element in memory: 1, 2, 4 or 8, at least ``width`` bits.
    frame_beats : beats of a frame, whole pixels.
    """

    elements: tuple[int, ...]
    lanes: int
    width: int
    element_bytes: int
    frame_beats: int

    def __post_init__(self) -> None:
        for name in ("lanes", "width", "frame_beats"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                title = name.replace("_", " ").capitalize()
                raise ValueError(f"{title} must be a positive integer, not {value!r}")
        if not self.elements or not all(0 < count <= self.lanes for count in self.elements):
            rule = f"have 1 to {self.lanes} elements in every beat"
            raise ValueError(f"Pixels must {rule}, not {self.elements!r}")
        if self.element_bytes not in CONTAINERS:
            raise ValueError(f"Element bytes must be 1, 2, 4 or 8, not {self.element_bytes!r}")
        if self.width > 8 * self.element_bytes:
            bits = 8 * self.element_bytes
            raise ValueError(f"Width must be at most {bits} bits, not {self.width!r}")
        if self.frame_beats % len(self.elements):
            rule = f"a multiple of {len(self.elements)}"
            raise ValueError(f"Frame beats must be {rule}, not {self.frame_beats!r}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in memory."""
        pixels = self.frame_beats // len(self.elements)
        return pixels * sum(self.elements) * self.element_bytes

    @property
    def counts(self) -> tuple[int, ...]:
        """Chunks of each beat of a pixel."""
        return tuple(-(-count * self.element_bytes // WORD_BYTES) for count in self.elements)

    @property
    def largest(self) -> int:
        """Bytes of the largest chunk."""
        return min(WORD_BYTES, max(self.elements) * self.element_bytes)

    def size(self, beat: int, chunk: int) -> int:
        """Bytes of a chunk; of the beat's last for a number beyond it."""
        behind = self.counts[beat] - 1 - chunk
        size = self.elements[beat] * self.element_bytes
        return WORD_BYTES if behind > 0 else size - (self.counts[beat] - 1) * WORD_BYTES


@dataclass(frozen=True)
class Position:
    """Which chunk passes.

    Attributes
    ----------
    beat : its beat's number in the pixel.
    chunk : its number in the beat.
    size : its bytes.
    ends_beat, ends_frame : whether it is the last of its beat, its frame.
    """

    beat: Value
    chunk: Value
    size: Value
    ends_beat: Value
    ends_frame: Value


def walk(m: Module, chunks: Chunks, moved: Value) -> Position:
    """Counts the chunks as they pass, one in each cycle in which ``moved`` is 1."""
    beats, most = len(chunks.elements), max(chunks.counts)
    ends_beat, ends_frame = Signal(name="ends_beat"), Signal(name="ends_frame")
    past = moved & ends_beat
    chunk, beat, frame_beat = Const(0, 0), Const(0, 0), Const(0, 0)
    if most > 1:
        chunk = Signal(range(most), name="chunk")
        m.d.sync += chunk.eq(Mux(past, 0, chunk + moved))
    if beats > 1:
        beat = Signal(range(beats), name="beat")
        m.d.sync += beat.eq(Mux(past & (beat == beats - 1), 0, beat + past))
    if chunks.frame_beats > 1:
        frame_beat = Signal(range(chunks.frame_beats), name="frame_beat")
        m.d.sync += frame_beat.eq(Mux(past & ends_frame, 0, frame_beat + past))
    final = rom_lookup(m, beat, [count - 1 for count in chunks.counts], 4, "final_chunk")
    sizes = [chunks.size(b, c) for b in range(beats) for c in range(1 << len(chunk))]
    m.d.comb += [
        ends_beat.eq(chunk == final),
        ends_frame.eq(ends_beat & (frame_beat == chunks.frame_beats - 1)),
    ]
    size = rom_lookup(m, Cat(chunk, beat), sizes, 4, "size")
    return Position(beat, chunk, size, ends_beat, ends_frame)
