"""Permission to start work that cannot be stopped half-way."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

ROUND_TRIP = 4
"""Cycles from a result's leaving the FIFO to the next start it allows, and through the FIFO."""


class Credits(wiring.Component):
    """Counts the free places of a FIFO, those of work under way already taken off.

    Parameters
    ----------
    count : places of the FIFO.

    Members
    -------
    i_take : a piece of work starts; only while ``o_some``.
    i_give : a result has left the FIFO.
    o_some : there is a place.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"Count must be a positive integer, not {count!r}")
        self.count = count
        super().__init__({"i_take": In(1), "i_give": In(1), "o_some": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(self.count + 1), init=self.count)
        m.d.sync += left.eq(left + self.i_give - self.i_take)
        m.d.comb += self.o_some.eq(left != 0)
        return m
