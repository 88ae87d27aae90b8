"""``clamp(round((x * m + b) / 2**s))``, channel by channel, with shifts and adders alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import Bounded, delayed, field
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.weight_rom import FieldRom


@dataclass(frozen=True, eq=False)
class AffineConstants:
    """The constants of an affine step, beat by beat of a pixel.

    Parameters
    ----------
    exponent, sign : int64 ``(T, beats, lanes)``: ``m = sum_t sign << exponent``.
    bias : int64 ``(beats, lanes)``.
    shift : bits dropped.
    lo, hi : saturation bounds.
    rounding : ``"half_up"``, ``"floor"`` or ``"half_even"``.
    real : bool ``(beats, lanes)``, False where the lane carries no channel and must give 0.
    saturates : whether ``lo``, ``hi`` are ends of a format, at which values get lost.
    """

    exponent: np.ndarray
    sign: np.ndarray
    bias: np.ndarray
    shift: int
    lo: int
    hi: int
    rounding: Literal["half_up", "floor", "half_even"]
    real: np.ndarray
    saturates: tuple[bool, bool] = (False, False)

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise ValueError(f"Shift must be a non-negative integer, not {self.shift!r}")
        if self.lo > self.hi:
            raise ValueError(f"Bounds must be in order, not [{self.lo}, {self.hi}]")


class Affine(wiring.Component):
    """Free-running affine requantisation of ``lanes`` channels a beat.

    Parameters
    ----------
    lanes : channels side by side.
    lo, hi : interval of every input.
    constants : what to do, beat by beat; the beats of a pixel repeat.
    out_width : bits of an output field.

    Members
    -------
    i_ahead : a beat comes in two cycles.
    i_data : the beat: fields of `in_width` bits, in two's complement if ``lo`` is negative.
    o_data : fields of ``out_width`` bits, `latency` cycles after ``i_data``.
    o_saturated : a channel of ``o_data`` was cut off at an end of its format.

    Latency: that of the lanes, which add the bias, and 1 cycle for the saturation.
    """

    def __init__(
        self, lanes: int, lo: int, hi: int, constants: AffineConstants, out_width: int
    ) -> None:
        self._constants = constants
        self._lanes = lanes
        self._out_width = out_width
        lo, hi = min(lo, 0), max(hi, 0)
        shape = shape_for(lo, hi)
        self.in_width = shape.width
        source = LaneInput(1, lanes, shape.width, shape.signed, lo, hi)
        exponent, sign = (
            table.transpose(1, 2, 0)[:, :, None, None, :]
            for table in (constants.exponent, constants.sign)
        )
        rounding = 0
        if constants.rounding != "floor" and constants.shift:
            rounding = 1 << (constants.shift - 1)
        self._terms = ShiftLanes(source, exponent, sign, bias=constants.bias + rounding)
        self.latency = self._terms.latency + 1
        super().__init__(
            {
                "i_ahead": In(1),
                "i_data": In(lanes * self.in_width),
                "o_data": Out(lanes * out_width),
                "o_saturated": Out(1),
            }
        )

    def model(self, beats: np.ndarray) -> np.ndarray:
        """Integers ``(n, lanes)`` of consecutive beats to the outputs ``(n, lanes)``."""
        c = self._constants
        real = c.real[np.arange(len(beats)) % len(c.bias)]
        return np.where(real, np.clip(self._rounded(beats), c.lo, c.hi), 0)

    def saturated(self, beats: np.ndarray) -> np.ndarray:
        """Whether each of consecutive ``beats`` has a channel that is cut off, bool ``(n,)``."""
        c = self._constants
        real = c.real[np.arange(len(beats)) % len(c.bias)]
        rounded = self._rounded(beats)
        below, above = (rounded < c.lo) & c.saturates[0], (rounded > c.hi) & c.saturates[1]
        return np.asarray((real & (below | above)).any(axis=1))

    def _rounded(self, beats: np.ndarray) -> np.ndarray:
        """What the outputs were without their bounds."""
        c = self._constants
        beat = np.arange(len(beats)) % len(c.bias)
        product = (beats[:, None, :] * (c.sign << c.exponent).transpose(1, 0, 2)[beat]).sum(axis=1)
        value = product + c.bias[beat]
        rounded = value >> c.shift
        if c.shift and c.rounding != "floor":
            half = 1 << (c.shift - 1)
            rounded = (value + half) >> c.shift
            if c.rounding == "half_even":
                tie = (value & ((1 << c.shift) - 1)) == half
                rounded -= tie & (rounded & 1 == 1)
        return rounded

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.terms = terms = self._terms
        m.d.comb += [terms.i_words.eq(self.i_data), terms.i_ahead.eq(self.i_ahead)]
        rom = FieldRom(len(self._constants.bias))
        cut_off: list[Value] = []
        for lane in range(self._lanes):
            biased = Bounded(
                field(terms.o_sums, lane, terms.sum_width, terms.sum_lo < 0),
                terms.sum_lo,
                terms.sum_hi,
            )
            output = Signal(self._out_width, name=f"output_{lane}", reset_less=True)
            value, losses = self._saturate(rom, biased, lane)
            cut_off += losses
            m.d.sync += output.eq(value)
            m.d.comb += self.o_data.word_select(lane, self._out_width).eq(output)
        m.d.sync += self.o_saturated.eq(Cat(cut_off).any())
        ahead = Signal(name="ahead")
        m.d.comb += ahead.eq(self.i_ahead)
        rom.attach(m, delayed(m, ahead, terms.latency, "ahead", reset_less=False))
        return m

    def _saturate(self, rom: FieldRom, biased: Bounded, lane: int) -> tuple[Value, list[Value]]:
        """The lane's output, and the conditions under which it is cut off."""
        c = self._constants
        value = biased.value >> c.shift
        lo, hi = biased.lo >> c.shift, biased.hi >> c.shift
        if c.rounding == "half_even" and c.shift:
            # With one half added, a tie leaves no low bits; an odd result then goes down by one.
            tie = ~biased.value[: c.shift].any()
            value = _as(Cat(value[0] & ~tie, value[1:]), lo < 0)
        rounded, losses = value, []
        for bound, beyond, reachable, saturates in (
            (c.hi, rounded > c.hi, hi > c.hi, c.saturates[1]),
            (c.lo, rounded < c.lo, lo < c.lo, c.saturates[0]),
        ):
            if reachable:
                value = Mux(beyond, Const(bound), value)
                losses += [beyond] if saturates else []
        real = c.real[:, lane]
        if c.lo <= 0 <= c.hi and not c.bias[~real, lane].any():
            return value, losses
        kept = rom.field(real.astype(int), 1, f"real_{lane}")
        return Mux(kept, value, 0), [kept & loss for loss in losses]


def _as(value: Value, is_signed: bool) -> Value:
    return value.as_signed() if is_signed else value
