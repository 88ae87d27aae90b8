"""The one kind of stream between components: a flat vector of lanes."""

from amaranth.hdl import unsigned
from amaranth.lib import stream


def flat_stream(bits: int) -> stream.Signature:
    """A stream whose payload is one unsigned vector; lane 0 in its low bits."""
    return stream.Signature(unsigned(bits))
