"""Makes words of memory from the beats of results."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from slipstick.rtl_templates.stream import flat_stream, lane
from slipstick.rtl_templates.system.axi import WORD_BYTES
from slipstick.rtl_templates.system.chunks import Chunks, Position, walk
from slipstick.rtl_templates.system.words import OFFSET_BITS, RESULT_WORDS


class Packer(wiring.Component):
    """Packs results into words, each from the byte of a word that its address says.

    One rotator brings a chunk of up to 8 bytes to its place in the word; what the word at hand
    has no room for waits for the next one.

    Parameters
    ----------
    elements : elements in each beat of a pixel; its other lanes are pads.
    lanes : lanes of a beat.
    width : bits of a lane.
    signed : whether lanes are extended by their sign or by 0.
    element_bytes : bytes of an element in memory, little endian.
    result_beats : beats of a result.

    Members
    -------
    i : the beats.
    offsets : for each result, the place in its word at which it starts.
    o : the words, with strobes at the bytes of the result only.

    Latency: none; one beat a cycle, or one chunk of up to 8 bytes, and one cycle more for a
    result whose last chunk does not fit its word.

    Cost with Yosys 0.70 (LUT, FF): lanes of 8 bits, 1: 106, 81; 3: 143, 87; 8: 261, 87; 16: 330,
    88; one lane of 16 bits: 124, 81.
    """

    def __init__(
        self,
        elements: tuple[int, ...],
        lanes: int,
        width: int,
        signed: bool,
        element_bytes: int,
        result_beats: int,
    ) -> None:
        self._chunks = Chunks(elements, lanes, width, element_bytes, result_beats)
        self._signed = signed
        super().__init__(
            {
                "i": In(flat_stream(lanes * width)),
                "offsets": In(stream.Signature(unsigned(OFFSET_BITS))),
                "o": Out(RESULT_WORDS),
            }
        )

    @property
    def result_bytes(self) -> int:
        """Bytes of a result in memory."""
        return self._chunks.frame_bytes

    def model(self, beats: Sequence[int]) -> bytes:
        """The bytes of one result."""
        chunks = self._chunks
        packed = bytearray()
        for index, beat in enumerate(beats):
            for number in range(chunks.elements[index % len(chunks.elements)]):
                value = beat >> number * chunks.width & (1 << chunks.width) - 1
                if self._signed and value >> chunks.width - 1:
                    value -= 1 << chunks.width
                packed += value.to_bytes(chunks.element_bytes, "little", signed=self._signed)
        return bytes(packed)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        moved = Signal()
        at = walk(m, self._chunks, moved)
        m.d.comb += self.i.ready.eq(moved & at.ends_beat)
        self._place(m, self._chunk(m, at), at, moved)
        return m

    def _chunk(self, m: Module, at: Position) -> Value:
        """The bytes of the beat that are next."""
        chunks = self._chunks
        elements = []
        for number in range(max(chunks.elements)):
            value = lane(self.i.payload, number, chunks.width, self._signed)
            element = Signal(8 * chunks.element_bytes, name=f"element_{number}")
            m.d.comb += element.eq(value)
            elements.append(element)
        first_bit = Cat(Const(0, (8 * WORD_BYTES).bit_length() - 1), at.chunk)
        return Cat(elements).bit_select(first_bit, 8 * chunks.largest)

    def _place(self, m: Module, chunk: Value, at: Position, moved: Signal) -> None:
        """Fills words with chunks, the first from the result's offset on."""
        has, rest = Signal(), Signal()
        place = Signal(OFFSET_BITS, reset_less=True)
        end, fills, done = Signal(OFFSET_BITS + 1), Signal(), Signal()
        over = end > WORD_BYTES
        m.d.comb += [
            end.eq(place + at.size),
            fills.eq(end[-1] | at.ends_frame),
            moved.eq(has & ~rest & self.i.valid & (self.o.ready | ~fills)),
            self.o.valid.eq(rest | (has & self.i.valid & fills)),
            self.o.payload.last.eq(rest | (at.ends_frame & ~over)),
            done.eq(self.o.valid & self.o.ready & self.o.payload.last),
            self.offsets.ready.eq(~has | done),
        ]
        with m.If(self.o.ready):
            m.d.sync += rest.eq(moved & at.ends_frame & over)
        with m.If(moved):
            m.d.sync += place.eq(end)
        with m.If(self.offsets.ready):
            m.d.sync += [has.eq(self.offsets.valid), place.eq(self.offsets.payload)]
        rotated = self._rotated(m, chunk, place)
        for number, new in enumerate(rotated):
            kept = Signal(8, name=f"kept_{number}", reset_less=True)
            before = Signal(name=f"before_{number}")
            byte = self.o.payload.data.word_select(number, 8)
            m.d.comb += [before.eq(place > number), byte.eq(Mux(rest | before, kept, new))]
            # The bytes that a full word has no room for are the next word's first.
            with m.If(moved & (fills | ~before)):
                m.d.sync += kept.eq(new)
        self._strobe(m, Mux(rest, place, end))

    def _rotated(self, m: Module, chunk: Value, place: Signal) -> list[Value]:
        """What ``chunk`` has for each byte of a word if it starts at byte ``place``."""
        turn = Signal(ceil_log2(self._chunks.largest))
        span = 8 << len(turn)
        padded = Cat(chunk, Const(0, span - len(chunk)))
        rotated = Signal(span)
        m.d.comb += [
            turn.eq(-place),
            rotated.eq(Cat(padded, padded).bit_select(Cat(Const(0, 3), turn), span)),
        ]
        return [rotated.word_select(byte % (span // 8), 8) for byte in range(WORD_BYTES)]

    def _strobe(self, m: Module, end: Value) -> None:
        """Marks the bytes from the offset on in a result's first word, and up to ``end``."""
        ours = Signal(WORD_BYTES, reset_less=True)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += ours.eq(-1)
        with m.If(self.offsets.ready):
            m.d.sync += ours.eq(Cat(self.offsets.payload <= byte for byte in range(WORD_BYTES)))
        inside = Cat(end > byte for byte in range(WORD_BYTES))
        m.d.comb += self.o.payload.strobe.eq(ours & inside)
