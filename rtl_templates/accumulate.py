"""Adds up, or keeps the largest of, the partial sums of one output beat."""

from typing import Literal

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import field
from slipstick.rtl_templates.numbers import shape_for


class Accumulate(wiring.Component):
    """``lanes`` accumulators side by side.

    Partial results may wrap; the total is exact because it is proven to lie in ``[lo, hi]``
    and two's complement sums are exact modulo the accumulator's range.

    Parameters
    ----------
    lanes : accumulators.
    sum_width, sum_signed : format of a partial sum.
    lo, hi : proven interval of every total.
    kind : ``"sum"`` or ``"max"``.

    Members
    -------
    i_valid, i_first, i_last, i_sums : a step's partial sums.
    o_totals : fields of ``width`` bits, one cycle after the last step of the beat.

    Latency: 1 cycle from ``i_last``.
    """

    LATENCY = 1

    def __init__(
        self,
        lanes: int,
        sum_width: int,
        sum_signed: bool,
        lo: int,
        hi: int,
        kind: Literal["sum", "max"] = "sum",
    ) -> None:
        self._lanes, self._kind = lanes, kind
        self._sum_width, self._sum_signed = sum_width, sum_signed
        self._shape = shape_for(lo, hi)
        self.width, self.signed = self._shape.width, self._shape.signed
        super().__init__(
            {
                "i_valid": In(1),
                "i_first": In(1),
                "i_sums": In(lanes * sum_width),
                "o_totals": Out(lanes * self.width),
            }
        )

    def model(self, sums: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """``(steps, lanes)`` to totals ``(beats, lanes)``; ``starts`` are beats' first steps."""
        combine = np.maximum if self._kind == "max" else np.add
        return np.asarray(combine.reduceat(sums, starts, axis=0))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._lanes):
            total = Signal(self._shape, name=f"total_{lane}", reset_less=True)
            part = field(self.i_sums, lane, self._sum_width, self._sum_signed)
            with m.If(self.i_valid):
                if self._kind == "max":
                    keeps = ~self.i_first & (total > part)
                    m.d.sync += total.eq(Mux(keeps, total, part))
                else:
                    m.d.sync += total.eq(Mux(self.i_first, 0, total) + part)
            m.d.comb += self.o_totals.word_select(lane, self.width).eq(total)
        return m
