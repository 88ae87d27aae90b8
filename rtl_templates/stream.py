"""The one kind of stream between components: a flat vector of lanes."""

from amaranth.hdl import Value, unsigned
from amaranth.lib import stream


def flat_stream(bits: int) -> stream.Signature:
    """A stream whose payload is one unsigned vector; lane 0 in its low bits."""
    if not isinstance(bits, int) or bits < 1:
        raise ValueError(f"Bits must be a positive integer, not {bits!r}")
    return stream.Signature(unsigned(bits))


def lane(payload: Value, index: int, width: int, is_signed: bool) -> Value:
    """Lane ``index`` of a flat vector of ``width``-bit lanes."""
    bits = payload[index * width : (index + 1) * width]
    if len(bits) != width:
        raise ValueError(f"Lane must lie in a vector of {len(payload)} bits, not {index!r}")
    return bits.as_signed() if is_signed else bits
