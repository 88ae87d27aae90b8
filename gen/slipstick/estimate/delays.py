"""Registers one behind the other: flip-flops, or shift registers in LUTs."""

from collections.abc import Container, Iterable

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


def tapped_delay(
    bits: int, cycles: Iterable[int], held: Container[int] = (), behind: int = 0
) -> Counted:
    """The same, read after each of ``cycles`` registers; after those ``held`` with a reset.

    The first is ``behind`` so many registers that are counted elsewhere: together they may be a
    shift register.
    """
    total, before = Counted(ff=-behind * bits), -behind
    for cycle in sorted(set(cycles)):
        kept = int(cycle in held)
        total += delay(bits, cycle - before - kept) + delay(bits, kept)
        before = cycle
    return total if before >= 0 else Counted()
