"""How tensors travel: the order of channels in beats, and their packing into words."""

from slipstick.streams.containers import element_bytes
from slipstick.streams.layout import PAD, Layout, common_run, cycles_between
from slipstick.streams.packing import pack, unpack

__all__ = ["PAD", "Layout", "common_run", "cycles_between", "element_bytes", "pack", "unpack"]
