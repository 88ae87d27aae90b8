"""Signatures of the AXI buses, seen from the master; names are those of the AMBA specification.

Source: Arm IHI 0022, AMBA AXI and ACE protocol specification, issue H.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = [
    "ADDRESS_BITS",
    "BOUNDARY",
    "BURST_WORDS",
    "DECERR",
    "LITE",
    "LITE_ADDRESS_BITS",
    "OKAY",
    "READ",
    "SLVERR",
    "WORD_BYTES",
    "WRITE",
    "attributes",
]

ADDRESS_BITS = 32
WORD_BYTES = 8
BURST_WORDS = 16
"""The longest burst that AXI3 has, too."""
BOUNDARY = WORD_BYTES * BURST_WORDS
"""A burst ends where an address is a multiple of it, so that none crosses 4 KiB."""
LITE_ADDRESS_BITS = 16

OKAY, SLVERR, DECERR = 0, 2, 3


def _address(prefix: str) -> dict[str, wiring.Member]:
    return {
        f"{prefix}id": Out(1),
        f"{prefix}addr": Out(ADDRESS_BITS),
        f"{prefix}len": Out(8),
        f"{prefix}size": Out(3),
        f"{prefix}burst": Out(2),
        f"{prefix}cache": Out(4),
        f"{prefix}prot": Out(3),
        f"{prefix}valid": Out(1),
        f"{prefix}ready": In(1),
    }


def attributes(prefix: str) -> dict[str, int]:
    """The address signals that never change: INCR bursts of whole words, bufferable memory."""
    return {
        f"{prefix}id": 0,
        f"{prefix}size": WORD_BYTES.bit_length() - 1,
        f"{prefix}burst": 1,
        f"{prefix}cache": 0b0011,
        f"{prefix}prot": 0,
    }


READ = wiring.Signature(
    {
        **_address("ar"),
        "rid": In(1),
        "rdata": In(8 * WORD_BYTES),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }
)
"""Read channels of AXI4, 64 bits."""

WRITE = wiring.Signature(
    {
        **_address("aw"),
        "wdata": Out(8 * WORD_BYTES),
        "wstrb": Out(WORD_BYTES),
        "wlast": Out(1),
        "wvalid": Out(1),
        "wready": In(1),
        "bid": In(1),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
    }
)
"""Write channels of AXI4, 64 bits."""

LITE = wiring.Signature(
    {
        "awaddr": Out(LITE_ADDRESS_BITS),
        "awprot": Out(3),
        "awvalid": Out(1),
        "awready": In(1),
        "wdata": Out(32),
        "wstrb": Out(4),
        "wvalid": Out(1),
        "wready": In(1),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
        "araddr": Out(LITE_ADDRESS_BITS),
        "arprot": Out(3),
        "arvalid": Out(1),
        "arready": In(1),
        "rdata": In(32),
        "rresp": In(2),
        "rvalid": In(1),
        "rready": Out(1),
    }
)
"""AXI4-Lite, 32 bits."""
