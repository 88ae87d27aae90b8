"""A lane that multiplies by signed powers of two, in two halves with a register between."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.weight_rom import FieldRom

EARLY_INPUTS = 6
"""Inputs of a LUT."""

LATE_INPUTS = 5
"""Inputs of an adder's LUT that the other operand leaves free."""

COARSE = 3
"""Shifts that an adder chooses from: as many bits and two selects fill its LUTs."""


@dataclass(frozen=True, eq=False)
class ShiftLane:
    """One lane: where it reads, and the weights it meets step by step.

    A shift is ``fine + FINE * middle + FINE * MIDDLE * coarse``. The first two and the sign make
    the early half, the last one is done by the adder that takes in the term. Where the adder's
    LUTs have room for everything, the early half is nothing but the register.

    Parameters
    ----------
    source : format of the words.
    tap, channel : what it reads of them.
    exponent, negative, nonzero : of the weights; an exponent only counts where it is nonzero.
    """

    source: LaneInput
    tap: int
    channel: int
    exponent: np.ndarray
    negative: np.ndarray
    nonzero: np.ndarray

    @cached_property
    def lowest(self) -> int:
        """The smallest exponent; multiplexers shift by what others have more."""
        return int(self.exponent[self.nonzero].min())

    @property
    def scale(self) -> int:
        """Exponent of the term's least significant bit."""
        return max(0, self.lowest)

    @property
    def cut(self) -> int:
        """Bits of the shifted value that are cut off: those below 1."""
        return max(0, -self.lowest)

    @cached_property
    def shift(self) -> np.ndarray:
        """What the multiplexers do, step by step. A zero weight asks for nothing."""
        return np.where(self.nonzero, self.exponent - self.lowest, 0)

    @cached_property
    def inverts(self) -> bool:
        """Whether a weight is negative."""
        return bool(self.negative.any())

    @cached_property
    def is_late(self) -> bool:
        """Whether there is no early half."""
        return int(self.shift.max()) < (COARSE - 1 if self.inverts else COARSE)

    @cached_property
    def ways(self) -> tuple[int, int, int]:
        """Shifts that the fine, the middle and the coarse multiplexer choose from."""
        shifts = int(self.shift.max()) + 1
        if self.is_late:
            return 1, 1, shifts
        fine = min(3 if self.inverts else 4, -(-shifts // COARSE))
        middle = -(-shifts // (COARSE * fine))
        return fine, middle, -(-shifts // (fine * middle))

    @cached_property
    def missing(self) -> np.ndarray:
        """What the term lacks, step by step: inverting is negating, less one."""
        fine = self.ways[0]
        behind = 0 if self.is_late else self.shift // fine * fine
        return self.negative * (1 << np.maximum(0, behind - self.cut))

    def term(self, x: np.ndarray) -> np.ndarray:
        """The term for ``x`` in each step, in units of its least significant bit."""
        shifted = x << self.shift >> self.cut
        return self.nonzero * np.where(self.negative, -shifted - self.missing, shifted)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Interval of the term, step by step."""
        ends = [self.term(np.asarray(end)) for end in (self.source.lo, self.source.hi)]
        return np.minimum(*ends), np.maximum(*ends)

    @cached_property
    def base(self) -> int:
        """What `late` adds to the term, so that nothing is negative."""
        lo, hi = self._ends
        return 1 << (shape_for(lo, hi).width - 1) if lo < 0 else 0

    @cached_property
    def highest(self) -> np.ndarray:
        """The largest value of the term plus `base`, step by step."""
        return self.bounds[1] + self.base

    @cached_property
    def is_wire(self) -> bool:
        """Whether the term is the word itself, or its inverse, in every step."""
        same = bool((self.negative == self.negative[0]).all())
        return self.ways == (1, 1, 1) and bool(self.nonzero.all()) and same

    @property
    def _ends(self) -> tuple[int, int]:
        lo, hi = self.bounds
        return int(lo.min()), int(hi.max())

    def early(self, m: Module, rom: FieldRom, x: Value, name: str, delay: int) -> Value:
        """The fine shift, the sign, the middle shift of ``x``, in the step of ``delay`` ago."""
        fine, middle, _ = self.ways
        spare = EARLY_INPUTS - fine if middle == 1 else 0
        amount = rom.field(self.shift % fine, (fine - 1).bit_length(), f"fine_{name}", delay, spare)
        value = _shifted(x, fine, 1, amount)
        if self.inverts:
            negative = rom.field(self.negative.astype(int), 1, f"negative_{name}", delay, spare)
            value = _inverted(value, negative)
        # A name for what the middle shift reads several times, so that it is computed once.
        fined = Signal(value.shape(), name=f"fined_{name}")
        m.d.comb += fined.eq(value)
        table = self.shift // fine % middle
        amount = rom.field(table, (middle - 1).bit_length(), f"middle_{name}", delay, spare)
        return _shifted(fined, middle, fine, amount)

    def late(self, rom: FieldRom, y: Value, name: str, delay: int) -> Value:
        """The term plus `base`, never negative, from the early half's registered value."""
        fine, middle, coarse = self.ways
        group = fine * middle
        spare = LATE_INPUTS - coarse
        # Code 0 to `coarse - 1` shifts, one more stands for a zero weight.
        code = np.where(self.nonzero, self.shift // group, coarse)
        amount = rom.field(code, int(code.max()).bit_length(), f"coarse_{name}", delay, spare)
        choices = [y << step * group if step else y for step in range(coarse)]
        if self.inverts and self.is_late:
            negative = rom.field(self.negative.astype(int), 1, f"negative_{name}", delay, spare)
            choices = [_inverted(choice, negative) for choice in choices]
        if not self.nonzero.all():
            choices.append(Const(0))
        lo, hi = self._ends
        term = (_chosen(choices, amount) >> self.cut)[: shape_for(lo, hi).width]
        return term ^ self.base if self.base else term


def _inverted(value: Value, inverts: Value) -> Value:
    """``value``, or ``-1 - value`` where ``inverts``."""
    bits = value.as_unsigned() if value.shape().signed else value
    inverted = bits ^ inverts.replicate(len(value))
    return inverted.as_signed() if value.shape().signed else Cat(inverted, inverts).as_signed()


def _shifted(value: Value, ways: int, unit: int, amount: Value) -> Value:
    """``value << amount * unit`` for an amount below ``ways``."""
    return _chosen([value << way * unit if way else value for way in range(ways)], amount)


def _chosen(choices: list[Value], index: Value) -> Value:
    """``choices[index]``, as a tree of multiplexers."""
    bit = 0
    while len(choices) > 1:
        pairs = [
            Mux(index[bit], odd, even)
            for even, odd in zip(choices[::2], choices[1::2], strict=False)
        ]
        choices = pairs + choices[len(pairs) * 2 :]
        bit += 1
    return choices[0]
