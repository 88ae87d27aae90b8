"""Formats and constants that are checked instead of silently cut."""

from amaranth.hdl import Const, Shape, signed, unsigned


def shape_for(lo: int, hi: int) -> Shape:
    """The smallest format that holds every integer of ``[lo, hi]``; at least one bit."""
    if lo > hi:
        raise ValueError(f"Interval must be in order, not [{lo}, {hi}]")
    if lo < 0:
        return signed(max((-lo - 1).bit_length(), hi.bit_length() if hi > 0 else 0) + 1)
    return unsigned(max(hi.bit_length(), 1))


def const_fit(value: int, shape: Shape) -> Const:
    """``value`` as a constant of ``shape``; raises `ValueError` where it would be cut."""
    constant = Const(value, shape)
    if constant.value != value:
        raise ValueError(f"Constant must fit {shape!r}, not {value!r}")
    return constant
