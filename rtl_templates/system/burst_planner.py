"""Cuts frames into bursts."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.system.axi import ADDRESS_BITS, BURST_WORDS, WORD_BYTES
from slipstick.rtl_templates.system.words import OFFSET_BITS, bursts

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

    Latency: 1 cycle; one burst a cycle.
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
        word = Signal(ADDRESS_BITS - OFFSET_BITS, reset_less=True)
        left = Signal(range(self.words + 2))
        to_boundary, last, moved = Signal(range(BURST_WORDS + 1)), Signal(), Signal()
        length = self.o.payload.length
        m.d.comb += [
            to_boundary.eq(BURST_WORDS - word[: BURST_WORDS.bit_length() - 1]),
            last.eq(left <= to_boundary),
            self.o.payload.word.eq(word),
            length.eq(Mux(last, left, to_boundary)),
            self.o.valid.eq(left != 0),
            moved.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(~self.o.valid | (moved & last)),
        ]
        with m.If(moved):
            m.d.sync += [word.eq(word + length), left.eq(left - length)]
        with m.If(self.i.valid & self.i.ready):
            more = self.i.payload[:OFFSET_BITS] > self.last_offset
            m.d.sync += [word.eq(self.i.payload[OFFSET_BITS:]), left.eq(self.words + more)]
        return m
