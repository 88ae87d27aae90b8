"""A lane that multiplies by signed powers of two, in two halves with a register between."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.weight_rom import FieldRom

Either = Callable[[Value, Value, Value], Value]
"""The first of two values where a bit is set, else the second."""

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

    Nothing has a sign: a signed word is `lifted` first, and inverting a word of ``n`` bits takes it
    from ``2**n - 1``. What this adds is a constant of each weight, the opposite of `missing`.

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

    @property
    def lifted(self) -> int:
        """What is added to a signed word: a power of two of which no shift cuts anything off."""
        return 1 << max(self.source.width - 1, self.cut) if self.source.signed else 0

    @property
    def word_bits(self) -> int:
        """Bits of a word that is lifted."""
        return self.lifted.bit_length() or self.source.width

    @cached_property
    def bits(self) -> int:
        """Bits of the term; above them an inverted word has nothing but ones."""
        shifted = self._cut_shifted(max(1, self.source.hi))
        return max(1, int(shifted[self.nonzero].max()).bit_length())

    @cached_property
    def missing(self) -> np.ndarray:
        """Product less term, step by step."""
        lifted = self._cut_shifted(0)
        return self.nonzero * np.where(self.negative, lifted - self._ones, -lifted)

    def term(self, x: np.ndarray) -> np.ndarray:
        """The term for ``x`` in each step, in units of its least significant bit."""
        shifted = self._cut_shifted(x)
        return self.nonzero * np.where(self.negative, self._ones - shifted, shifted)

    def _cut_shifted(self, x: np.ndarray | int) -> np.ndarray:
        return np.asarray(x + self.lifted << self.shift >> self.cut)

    @cached_property
    def _ones(self) -> np.ndarray:
        """The term of an inverted 0, step by step."""
        fine = self.ways[0]
        behind = 0 if self.is_late else self.shift // fine * fine
        inverted = self.word_bits + (self.shift if self.is_late else fine - 1)
        highest = np.minimum(self.bits, np.maximum(0, inverted + behind - self.cut))
        return (1 << highest) - (1 << np.maximum(0, behind - self.cut))

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Interval of the term, step by step."""
        ends = [self.term(np.asarray(end)) for end in (self.source.lo, self.source.hi)]
        return np.minimum(*ends), np.maximum(*ends)

    @property
    def highest(self) -> np.ndarray:
        """The largest value of the term, step by step."""
        return self.bounds[1]

    @cached_property
    def is_wire(self) -> bool:
        """Whether the term is the lifted word itself, or its inverse, in every step."""
        same = bool((self.negative == self.negative[0]).all())
        return self.ways == (1, 1, 1) and bool(self.nonzero.all()) and same

    def early(self, m: Module, rom: FieldRom, x: Value, name: str, delay: int) -> Value:
        """The fine shift, the sign, the middle shift of ``x``, in the step of ``delay`` ago."""
        fine, middle, _ = self.ways
        spare = EARLY_INPUTS - fine if middle == 1 else 0
        amount = rom.field(self.shift % fine, (fine - 1).bit_length(), f"fine_{name}", delay, spare)
        value = _shifted(self._lift(x), fine, 1, amount, _masked)
        if self.inverts:
            negative = rom.field(self.negative.astype(int), 1, f"negative_{name}", delay, spare)
            value = _inverted(value, negative)
        # A name for what the middle shift reads several times, so that it is computed once.
        fined = Signal(value.shape(), name=f"fined_{name}")
        m.d.comb += fined.eq(value)
        table = self.shift // fine % middle
        amount = rom.field(table, (middle - 1).bit_length(), f"middle_{name}", delay, spare)
        # Of a multiplexer, synthesis makes the reset of bits that nothing is moved to.
        return _shifted(fined, middle, fine, amount, Mux)

    def late(self, rom: FieldRom, y: Value, name: str, delay: int, added: bool) -> Value:
        """The term from the early half's registered value, or from the word itself.

        It is ``added`` to something, or else a register follows that may have a reset.
        """
        fine, middle, coarse = self.ways
        group = fine * middle
        spare = LATE_INPUTS - coarse
        # Code 0 to `coarse - 1` shifts, one more stands for a zero weight.
        code = np.where(self.nonzero, self.shift // group, coarse)
        amount = rom.field(code, int(code.max()).bit_length(), f"coarse_{name}", delay, spare)
        y = self._lift(y) if self.is_late else y
        choices = [y.shift_left(step * group) for step in range(coarse)]
        if self.inverts and self.is_late:
            negative = rom.field(self.negative.astype(int), 1, f"negative_{name}", delay, spare)
            choices = [_inverted(choice, negative) for choice in choices]
        if not self.nonzero.all():
            choices.append(Const(0))
        term = _chosen(choices, amount, _masked if added else Mux)
        return (term >> self.cut)[: self.bits]

    def _lift(self, x: Value) -> Value:
        """``x + lifted``: its sign as often as there is room, and then inverted."""
        if not self.source.signed:
            return x
        sign = x[-1]
        return Cat(x[:-1], sign.replicate(self.word_bits - len(x)), ~sign)


def _inverted(value: Value, inverts: Value) -> Value:
    """``value``, or all its bits inverted where ``inverts``."""
    return value ^ inverts.replicate(len(value))


def _shifted(value: Value, ways: int, unit: int, amount: Value, either: Either) -> Value:
    """``value << amount * unit`` for an amount below ``ways``."""
    return _chosen([value.shift_left(way * unit) for way in range(ways)], amount, either)


def _chosen(choices: list[Value], index: Value, either: Either) -> Value:
    """``choices[index]``, as a tree of choices between two."""
    bit = 0
    while len(choices) > 1:
        pairs = [
            either(index[bit], odd, even)
            for even, odd in zip(choices[::2], choices[1::2], strict=False)
        ]
        choices = pairs + choices[len(pairs) * 2 :]
        bit += 1
    return choices[0]


def _masked(select: Value, one: Value, other: Value) -> Value:
    """``one`` if ``select``, else ``other``.

    Simulators make a branch of a multiplexer, and no processor guesses what weights select.
    """
    mask = select.replicate(max(len(one), len(other)))
    return other & ~mask | one & mask
