"""What all lane arrays share: which words they take and what they hand on."""

from dataclasses import dataclass

from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import Bounded, field
from slipstick.rtl_templates.weight_rom import FieldRom, RomStyle


@dataclass(frozen=True)
class LaneInput:
    """The words of one step.

    Parameters
    ----------
    taps : words side by side (``Q``).
    lanes : channels of a word.
    width, signed : format of a channel.
    lo, hi : interval of every channel, 0 included.
    """

    taps: int
    lanes: int
    width: int
    signed: bool
    lo: int
    hi: int

    @property
    def word_bits(self) -> int:
        """Bits of one word."""
        return self.lanes * self.width

    def value(self, words: Value, tap: int, lane: int) -> Bounded:
        """Channel ``lane`` of word ``tap``."""
        return Bounded(
            field(words, tap * self.lanes + lane, self.width, self.signed), self.lo, self.hi
        )


class LaneArray(wiring.Component):
    """``P`` partial sums of one step's words, every cycle.

    Members
    -------
    i_words : ``taps`` words, tap 0 lowest, of the step.
    i_ahead : a step follows in two cycles; moves the weights on.
    o_sums : ``outputs`` fields of ``sum_width`` bits.

    Attributes
    ----------
    latency : cycles from ``i_words`` to ``o_sums``.
    sum_lo, sum_hi : interval of every sum.
    """

    latency: int
    sum_lo: int
    sum_hi: int

    def __init__(
        self,
        source: LaneInput,
        outputs: int,
        sum_width: int,
        steps: int = 1,
        style: RomStyle | None = None,
    ) -> None:
        self.source = source
        self._steps, self._style = steps, style
        self.outputs = outputs
        self.sum_width = sum_width
        super().__init__(
            {
                "i_words": In(source.taps * source.word_bits),
                "i_ahead": In(1),
                "o_sums": Out(outputs * sum_width),
            }
        )

    def constants(self) -> FieldRom:
        """What holds the weights; another source of them replaces this."""
        return FieldRom(self._steps, self._style)
