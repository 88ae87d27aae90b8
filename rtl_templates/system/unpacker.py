"""Makes beats of a stream core from the words of frames."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.system.axi import WORD_BYTES
from slipstick.rtl_templates.system.chunks import Chunks, Position, walk
from slipstick.rtl_templates.system.words import FRAME_WORDS, OFFSET_BITS


class Unpacker(wiring.Component):
    """Takes frames out of their words, from whatever byte they start at.

    One shifter takes the next bytes from two words: the one at hand and the one that comes.
    Beats of more than 8 bytes are gathered from several such chunks.

    Parameters
    ----------
    elements : elements in each beat of a pixel; its other lanes are pads and carry 0.
    lanes : lanes of a beat.
    width : bits of a lane, the low bits of an element.
    element_bytes : bytes of an element in memory, little endian.
    frame_beats : beats of a frame.

    Members
    -------
    i : the words. After a frame's last byte, what comes up to the next first word is dropped.
    o : the beats.
    wanting : it needs a word and none is there; also between frames.

    Latency: 1 cycle; one beat a cycle, or one chunk of up to 8 bytes, and one cycle more behind a
    frame whose last beat needs the word that comes.

    Cost of 8-bit lanes with Yosys 0.70 (LUT, FF): 1 lane: 44, 79; 3: 101, 79; 8: 211, 79; 16: 217,
    144.
    """

    def __init__(
        self,
        elements: tuple[int, ...],
        lanes: int,
        width: int,
        element_bytes: int,
        frame_beats: int,
    ) -> None:
        self._chunks = Chunks(elements, lanes, width, element_bytes, frame_beats)
        super().__init__(
            {"i": In(FRAME_WORDS), "o": Out(flat_stream(lanes * width)), "wanting": Out(1)}
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in memory."""
        return self._chunks.frame_bytes

    def model(self, frame: bytes) -> list[int]:
        """The beats of one frame."""
        chunks = self._chunks
        mask = (1 << chunks.width) - 1
        elements = iter(range(0, chunks.frame_bytes, chunks.element_bytes))
        beats = []
        for index in range(chunks.frame_beats):
            beat = 0
            for lane in range(chunks.elements[index % len(chunks.elements)]):
                at = next(elements)
                value = int.from_bytes(frame[at : at + chunks.element_bytes], "little")
                beat |= (value & mask) << lane * chunks.width
            beats.append(beat)
        return beats

    def elaborate(self, platform: object) -> Module:
        m = Module()
        moved = Signal()
        at = walk(m, self._chunks, moved)
        chunk = self._cut(m, at, moved)
        beat = self._gather(m, chunk, at, moved)
        m.d.comb += self.o.payload.eq(self._lanes(m, beat, at))
        return m

    def _cut(self, m: Module, at: Position, moved: Signal) -> Signal:
        """The next bytes of the frame; moves on with ``moved``."""
        word, has = Signal(8 * WORD_BYTES, reset_less=True), Signal()
        place = Signal(OFFSET_BITS, reset_less=True)
        between = Signal(init=1)
        end, valid, leaves = Signal(OFFSET_BITS + 1), Signal(), Signal()
        crosses = end > WORD_BYTES
        m.d.comb += [
            end.eq(place + at.size),
            valid.eq(has & (~crosses | self.i.valid)),
            moved.eq(valid & (self.o.ready | ~at.ends_beat)),
            self.o.valid.eq(valid & at.ends_beat),
            leaves.eq(moved & (end[-1] | at.ends_frame)),
            self.i.ready.eq(~has | leaves),
            self.wanting.eq(~self.i.valid & (~has | crosses)),
        ]
        first = self.i.payload.first
        with m.If(moved):
            m.d.sync += [place.eq(end), between.eq(at.ends_frame)]
        with m.If(self.i.ready):
            # A word behind a frame's end that starts no frame is the frame's own last one.
            outside = between | (moved & at.ends_frame)
            m.d.sync += [has.eq(self.i.valid & (first | ~outside)), word.eq(self.i.payload.data)]
            with m.If(self.i.valid & first):
                m.d.sync += [place.eq(self.i.payload.offset), between.eq(0)]
        window = Signal(8 * self._chunks.largest)
        both = Cat(word, self.i.payload.data)
        m.d.comb += window.eq(both.bit_select(Cat(Const(0, 3), place), len(window)))
        return window

    def _gather(self, m: Module, chunk: Signal, at: Position, moved: Signal) -> Value:
        """All bytes of a beat, of which ``chunk`` is the last."""
        counts = self._chunks.counts
        parts: list[Value] = []
        for number in range(max(counts) - 1):
            kept = Signal(len(chunk), name=f"kept_{number}", reset_less=True)
            with m.If(moved & (at.chunk == number)):
                m.d.sync += kept.eq(chunk)
            may_end = number + 1 in counts
            parts.append(Mux(at.chunk == number, chunk, kept) if may_end else kept)
        return Cat(*parts, chunk)

    def _lanes(self, m: Module, beat: Value, at: Position) -> Value:
        """The lanes of a beat, pads 0."""
        chunks = self._chunks
        lanes = []
        for lane in range(max(chunks.elements)):
            real = [count > lane for count in chunks.elements]
            shown = rom_lookup(m, at.beat, real, 1, f"real_{lane}")
            start = lane * 8 * chunks.element_bytes
            element = beat[start : start + chunks.width]
            lanes.append(element & shown.replicate(chunks.width))
        return Cat(lanes)
