"""The ECP5's clock generator."""

from dataclasses import dataclass
from fractions import Fraction

from slipstick.errors import SlipstickError

INPUT_MHZ = (8, 400)
PHASE_MHZ = (10, 400)
"""Clock that is compared: that of the oscillator, divided."""
VCO_MHZ = (400, 800)
OUTPUT_MHZ = (Fraction("3.125"), 400)
DIVIDERS = range(1, 129)
"""Limits as in Lattice's data sheet FPGA-DS-02012, table "sysCLOCK PLL timing"."""


@dataclass(frozen=True)
class Pll:
    """Dividers of an ``EHXPLLL`` whose output is fed back.

    The output is ``oscillator / input_divider * feedback_divider``; the oscillator inside runs
    ``output_divider`` times as fast.
    """

    input_divider: int
    feedback_divider: int
    output_divider: int


def find_pll(oscillator_mhz: float, clock_mhz: float) -> Pll | None:
    """Dividers that make exactly ``clock_mhz``; None if that is the oscillator's own clock.

    Raises `SlipstickError` if there are none, naming the nearest clocks that can be made.
    """
    source, wanted = Fraction(str(oscillator_mhz)), Fraction(str(clock_mhz))
    if source == wanted:
        return None
    makes = _clocks(source)
    if wanted not in makes:
        near = sorted(makes, key=lambda clock: abs(clock - wanted))[:2]
        shown = " or ".join(f"{float(clock):g}" for clock in sorted(near))
        raise SlipstickError(
            f"Clock of {clock_mhz:g} MHz",
            f"cannot be made from an oscillator of {oscillator_mhz:g} MHz",
            f"choose {shown} MHz in the board's file" if near else "use the oscillator's clock",
        )
    return makes[wanted]


def _clocks(source: Fraction) -> dict[Fraction, Pll]:
    """Every clock that can be made, with the highest clock at the comparison."""
    makes: dict[Fraction, Pll] = {}
    for input_divider in DIVIDERS:
        phase = source / input_divider
        if not _within(source, INPUT_MHZ) or not _within(phase, PHASE_MHZ):
            continue
        for feedback_divider in DIVIDERS:
            clock = phase * feedback_divider
            output_divider = _output_divider(clock)
            if _within(clock, OUTPUT_MHZ) and output_divider:
                makes.setdefault(clock, Pll(input_divider, feedback_divider, output_divider))
    return makes


def _output_divider(clock: Fraction) -> int | None:
    """The one that lets the oscillator run nearest to the middle of its range."""
    fits = [divider for divider in DIVIDERS if _within(clock * divider, VCO_MHZ)]
    middle = Fraction(sum(VCO_MHZ), 2)
    return min(fits, key=lambda divider: abs(clock * divider - middle), default=None)


def _within(value: Fraction, bounds: tuple[Fraction | int, Fraction | int]) -> bool:
    return bounds[0] <= value <= bounds[1]
