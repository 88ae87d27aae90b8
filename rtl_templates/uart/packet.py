"""Packets on the serial line; docs/ecp5.md describes them.

A frame goes to the board as `FRAME`, a sequence number, the frame's bytes, and the checksum of
all these. Back comes `ANSWER`, the sequence number, a `Status`, the first bytes of the graph's
hash, the result's bytes if the status is `Status.OK`, and the checksum of all these. The checksum
is CRC-32 as in Ethernet and zlib, lowest byte first.
"""

from enum import IntEnum

from amaranth.lib.crc.catalog import CRC32_ISO_HDLC

FRAME = 0xA5
ANSWER = 0x5A
CHECKSUM = CRC32_ISO_HDLC
CHECKSUM_BYTES = 4
HASH_BYTES = 4
WINDOW = 2
"""Frames that may be on their way unanswered."""


class Status(IntEnum):
    """How a frame fared."""

    OK = 0
    NO_START = 1
    """The first byte after silence was not `FRAME`."""
    FRAMING = 2
    """A byte came without a stop bit, or a break."""
    SHORT = 3
    """The line fell silent in the midst of a packet."""
    CHECKSUM = 4
    """Bytes were changed on their way, or lost and followed by others."""
    BUSY = 5
    """More frames came than may be unanswered."""


STATUS_BITS = max(Status).bit_length()
