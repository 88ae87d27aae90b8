"""What a part of the circuit takes, before its LUTs are weighed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counted:
    """Counts of a component with everything below it.

    Attributes
    ----------
    ff : flip-flops.
    lutram : LUT sites used as RAM or shift register.
    bram18 : halves of a 36 Kbit block RAM.
    features : what takes LUTs, by name; the names are those of the coefficients.
    """

    ff: int = 0
    lutram: int = 0
    bram18: int = 0
    features: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "Counted") -> "Counted":
        features = dict(self.features)
        for name, amount in other.features.items():
            features[name] = features.get(name, 0) + amount
        return Counted(
            self.ff + other.ff, self.lutram + other.lutram, self.bram18 + other.bram18, features
        )


def luts(**features: float) -> Counted:
    """Logic without registers."""
    return Counted(features={name: amount for name, amount in features.items() if amount})


def bits_of(count: int) -> int:
    """Bits of a counter of ``count`` values, as Amaranth's ``range`` makes them."""
    return max(count - 1, 0).bit_length()


LUT_INPUTS = 6


def counter(count: int, feature: str = "counter_luts") -> Counted:
    """A counter of ``count`` values that starts again behind the last one.

    Two bits count in LUTs, more in a carry chain, whose only LUT inverts the lowest bit. The
    last value is told where it is not the largest.
    """
    bits = bits_of(count)
    ends = 0 if count.bit_count() == 1 else -(-(bits + 1) // LUT_INPUTS)
    return Counted(ff=bits) + luts(**{feature: bits if bits <= 2 else 1 + ends})


def up_down(bits: int) -> Counted:
    """A counter of ``bits`` that goes up and down, by one in either direction or not at all.

    Carries begin with the third bit; then each bit takes two LUTs.
    """
    return Counted(ff=bits) + luts(up_down_luts=2 * bits + 1 if bits > 2 else bits + 1)
