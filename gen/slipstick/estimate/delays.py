"""Registers one behind the other: flip-flops, or shift registers in LUTs."""

from collections.abc import Iterable

from slipstick.estimate.counted import Counted

SHIFT_REGISTER = 3
"""Registers without reset from which a chain is a shift register in LUTs."""
LONGEST = 32
"""Registers of one such LUT."""


def delay(bits: int, cycles: int) -> Counted:
    """``bits`` that pass through ``cycles`` registers without a reset."""
    if cycles < SHIFT_REGISTER:
        return Counted(ff=bits * cycles)
    return Counted(lutram=bits * -(-cycles // LONGEST))


def tapped_delay(bits: int, cycles: Iterable[int]) -> Counted:
    """The same, read after each of ``cycles`` registers."""
    total, before = Counted(), 0
    for cycle in sorted(set(cycles)):
        total += delay(bits, cycle - before)
        before = cycle
    return total
