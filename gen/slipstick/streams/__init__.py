"""How tensors travel: the order of channels in beats, and their packing into words."""

from slipstick.streams.layout import PAD, Layout
from slipstick.streams.packing import pack, unpack

__all__ = ["PAD", "Layout", "pack", "unpack"]
