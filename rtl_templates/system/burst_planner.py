"""Cuts frames into bursts."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.system.axi import ADDRESS_BITS, BOUNDARY, BURST_WORDS, WORD_BYTES
from slipstick.rtl_templates.system.words import OFFSET_BITS, bursts

BOUNDARY_BITS = BOUNDARY.bit_length() - 1
"""Bits of a word's place between two boundaries."""

BURSTS = stream.Signature(
    data.StructLayout(
        {"word": ADDRESS_BITS - OFFSET_BITS, "length": unsigned(BURST_WORDS.bit_length())}
    )
)
"""Bursts: the number of the first word in memory, and how many words."""


class BurstPlanner(wiring.Component):
    """Cuts frames of ``frame_bytes`` bytes into bursts that cross no multiple of 128 bytes.

    Parameters
    ----------
    frame_bytes : bytes of a frame.

    Members
    -------
    i : byte address of each frame.
    o : its bursts.

    Latency: 2 cycles; one burst a cycle.
    """

    def __init__(self, frame_bytes: int) -> None:
        if not isinstance(frame_bytes, int) or frame_bytes < 1:
            raise ValueError(f"Frame bytes must be a positive integer, not {frame_bytes!r}")
        self._bytes = frame_bytes
        super().__init__(
            {"i": In(stream.Signature(unsigned(ADDRESS_BITS))), "o": Out(BURSTS)},
        )

    @property
    def words(self) -> int:
        """Words of a frame that starts at a word."""
        return -(-self._bytes // WORD_BYTES)

    @property
    def last_offset(self) -> int:
        """The last place in a word at which a frame can start and take no word more."""
        return -self._bytes % WORD_BYTES

    def model(self, addresses: Sequence[int]) -> list[tuple[int, int]]:
        """Address and words of each burst for frames at ``addresses``."""
        return [
            burst
            for address in addresses
            for burst in bursts(address, -(-(address % WORD_BYTES + self._bytes) // WORD_BYTES))
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = Signal(ADDRESS_BITS - BOUNDARY_BITS, reset_less=True)
        place = Signal(BOUNDARY_BITS - OFFSET_BITS, reset_less=True)
        to_boundary = Signal(range(BURST_WORDS + 1), reset_less=True)
        left = Signal(range(self.words + 2))
        some, last, free = Signal(), Signal(), Signal()
        m.d.comb += [
            some.eq(left != 0),
            last.eq(left <= to_boundary),
            free.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(~some | (free & last)),
        ]
        with m.If(free):
            m.d.sync += [
                self.o.valid.eq(some),
                self.o.payload.word.eq(Cat(place, block)),
                self.o.payload.length.eq(Mux(last, left, to_boundary)),
                block.eq(block + 1),
                place.eq(0),
                to_boundary.eq(BURST_WORDS),
                left.eq(Mux(last, 0, left - to_boundary)),
            ]
        with m.If(self.i.valid & self.i.ready):
            address = self.i.payload
            more = address[:OFFSET_BITS] > self.last_offset
            m.d.sync += [
                Cat(place, block).eq(address[OFFSET_BITS:]),
                to_boundary.eq(BURST_WORDS - address[OFFSET_BITS:BOUNDARY_BITS]),
                left.eq(self.words + more),
            ]
        return m
