"""The words of frames and results between the bus masters and what they feed."""

from collections.abc import Iterator

from amaranth.lib import data, stream

from slipstick.rtl_templates.system.axi import ADDRESS_BITS, BOUNDARY, WORD_BYTES

OFFSET_BITS = WORD_BYTES.bit_length() - 1
"""Bits of a byte's place in its word."""

FRAME_WORDS = stream.Signature(
    data.StructLayout({"data": 8 * WORD_BYTES, "first": 1, "offset": OFFSET_BITS})
)
"""Words of frames: whether it is a frame's first, and if so where in it the frame starts."""

RESULT_WORDS = stream.Signature(
    data.StructLayout({"data": 8 * WORD_BYTES, "strobe": WORD_BYTES, "last": 1})
)
"""Words of results: which bytes are the result's, and whether it is a result's last."""


def bursts(address: int, words: int) -> Iterator[tuple[int, int]]:
    """Address and words of each burst for ``words`` words from the one that holds ``address``."""
    address -= address % WORD_BYTES
    while words:
        length = min(words, (BOUNDARY - address % BOUNDARY) // WORD_BYTES)
        yield address, length
        address = (address + length * WORD_BYTES) % (1 << ADDRESS_BITS)
        words -= length
