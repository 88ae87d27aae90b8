"""The ECP5's clock generator."""

from collections.abc import Iterable
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
    near = _clocks(source, wanted)
    if wanted not in near:
        shown = " or ".join(f"{float(clock):g}" for clock in _neighbours(near, wanted))
        raise SlipstickError(
            f"Clock of {clock_mhz:g} MHz",
            f"cannot be made from an oscillator of {oscillator_mhz:g} MHz",
            f"choose {shown} MHz in the board's file" if near else "use the oscillator's clock",
        )
    return near[wanted]


def _clocks(source: Fraction, wanted: Fraction) -> dict[Fraction, Pll]:
    """Clocks around ``wanted`` that can be made, with the highest clock at the comparison."""
    makes: dict[Fraction, Pll] = {}
    for input_divider in DIVIDERS if _within(source, INPUT_MHZ) else ():
        phase = source / input_divider
        lower = wanted // phase
        for feedback_divider in (lower, lower + 1):
            clock = phase * feedback_divider
            fits = _within(phase, PHASE_MHZ) and _within(clock, OUTPUT_MHZ)
            if fits and feedback_divider in DIVIDERS:
                pll = Pll(input_divider, feedback_divider, _output_divider(clock))
                makes.setdefault(clock, pll)
    return makes


def _output_divider(clock: Fraction) -> int:
    """The one that lets the oscillator run nearest to the middle of its range."""
    middle = Fraction(sum(VCO_MHZ), 2)
    lower = min(max(1, middle // clock), DIVIDERS[-2])
    fits = [divider for divider in (lower, lower + 1) if _within(clock * divider, VCO_MHZ)]
    return min(fits, key=lambda divider: abs(clock * divider - middle))


def _neighbours(clocks: Iterable[Fraction], wanted: Fraction) -> list[Fraction]:
    """The nearest clock below, and the nearest above."""
    below = [clock for clock in clocks if clock < wanted]
    above = [clock for clock in clocks if clock > wanted]
    return [*([max(below)] if below else []), *([min(above)] if above else [])]


def _within(value: Fraction, bounds: tuple[Fraction | int, Fraction | int]) -> bool:
    return bounds[0] <= value <= bounds[1]
