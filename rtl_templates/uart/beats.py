"""Between bytes as they lie in memory and the beats of a stream core, one byte a cycle."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.stream import flat_stream, lane
from slipstick.rtl_templates.system.parameters import TensorFormat


class BeatsFromBytes(wiring.Component):
    """Gathers the bytes of frames into beats; the bytes of pads are 0 and are not taken.

    Parameters
    ----------
    tensor : how frames lie in memory, and on the stream.

    Members
    -------
    i : bytes.
    o : beats.

    Latency: 1 cycle; a byte a cycle, one for each byte of a pad, and one more a beat. Cost on ECP5
    with Yosys 0.70: 8 LUT4, 27 FF for 3 lanes of 8 bits.
    """

    def __init__(self, tensor: TensorFormat) -> None:
        self._tensor = tensor
        super().__init__({"i": In(flat_stream(8)), "o": Out(flat_stream(tensor.bits))})

    def model(self, frame: bytes) -> list[int]:
        """The beats of one frame."""
        tensor = self._tensor
        size, mask = tensor.element_bytes, (1 << tensor.width) - 1
        elements = iter(range(0, len(frame), size))
        beats = []
        for number in range(tensor.beats):
            beat = 0
            for place in range(tensor.elements[number % len(tensor.elements)]):
                at = next(elements)
                value = int.from_bytes(frame[at : at + size], "little") & mask
                beat |= value << place * tensor.width
            beats.append(beat)
        return beats

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tensor = self._tensor
        gathered = Signal(8 * tensor.lanes * tensor.element_bytes, reset_less=True)
        moves, full = Signal(), Signal()
        at = _BytePosition(m, tensor, moves)
        m.d.comb += [
            moves.eq(~full & (self.i.valid | ~at.is_real)),
            self.i.ready.eq(~full & at.is_real),
            self.o.valid.eq(full),
        ]
        with m.If(moves):
            byte = Mux(at.is_real, self.i.payload, 0)
            m.d.sync += [gathered.eq(Cat(gathered, byte)[8:]), full.eq(at.ends_beat)]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)
        size = 8 * tensor.element_bytes
        fields = [gathered[n * size : n * size + tensor.width] for n in range(tensor.lanes)]
        m.d.comb += self.o.payload.eq(Cat(fields))
        return m


class BytesFromBeats(wiring.Component):
    """Takes beats apart into the bytes of results; pads are left out.

    Parameters
    ----------
    tensor : how results lie in memory, and on the stream.

    Members
    -------
    i : beats.
    o : bytes; elements are extended by their sign, or by 0.

    Latency: 1 cycle; a byte a cycle, one for each byte of a pad, and one more a beat. Cost on ECP5
    with Yosys 0.70: 163 LUT4, 3 CCU2C, 166 FF for 10 lanes of 16 bits.
    """

    def __init__(self, tensor: TensorFormat) -> None:
        self._tensor = tensor
        super().__init__({"i": In(flat_stream(tensor.bits)), "o": Out(flat_stream(8))})

    def model(self, beats: Sequence[int]) -> bytes:
        """The bytes of one result."""
        tensor = self._tensor
        packed = bytearray()
        for number, beat in enumerate(beats):
            for place in range(tensor.elements[number % len(tensor.elements)]):
                value = beat >> place * tensor.width & (1 << tensor.width) - 1
                if tensor.signed and value >> tensor.width - 1:
                    value -= 1 << tensor.width
                packed += value.to_bytes(tensor.element_bytes, "little", signed=tensor.signed)
        return bytes(packed)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tensor = self._tensor
        rest = Signal(8 * tensor.lanes * tensor.element_bytes, reset_less=True)
        moves, has = Signal(), Signal()
        at = _BytePosition(m, tensor, moves)
        m.d.comb += [
            self.o.payload.eq(rest),
            self.o.valid.eq(has & at.is_real),
            moves.eq(has & (self.o.ready | ~at.is_real)),
            self.i.ready.eq(~has),
        ]
        with m.If(self.i.valid & ~has):
            m.d.sync += [rest.eq(self._elements(m)), has.eq(1)]
        with m.Elif(moves):
            m.d.sync += [rest.eq(rest[8:]), has.eq(~at.ends_beat)]
        return m

    def _elements(self, m: Module) -> Value:
        """The lanes at hand, each in its bytes of memory."""
        tensor = self._tensor
        elements = []
        for number in range(tensor.lanes):
            element = Signal(8 * tensor.element_bytes, name=f"element_{number}")
            m.d.comb += element.eq(lane(self.i.payload, number, tensor.width, tensor.signed))
            elements.append(element)
        return Cat(elements)


class _BytePosition:
    """Which byte of its beat passes, one in each cycle in which ``moves`` is 1.

    Attributes
    ----------
    is_real : it is of a channel, not of a pad.
    ends_beat : it is the last of its beat's lanes.
    """

    def __init__(self, m: Module, tensor: TensorFormat, moves: Value) -> None:
        bytes_a_beat, beats = tensor.lanes * tensor.element_bytes, len(tensor.elements)
        byte, beat = Signal(range(bytes_a_beat), name="byte"), Const(0, 0)
        self.ends_beat = Signal(name="ends_beat")
        self.is_real = Signal(name="is_real")
        m.d.comb += self.ends_beat.eq(byte == bytes_a_beat - 1)
        with m.If(moves):
            m.d.sync += byte.eq(Mux(self.ends_beat, 0, byte + 1))
        if beats > 1:
            beat = Signal(range(beats), name="beat")
            with m.If(moves & self.ends_beat):
                m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
        real = [count * tensor.element_bytes for count in tensor.elements]
        width = bytes_a_beat.bit_length()
        m.d.comb += self.is_real.eq(byte < rom_lookup(m, beat, real, width, "real_bytes"))
