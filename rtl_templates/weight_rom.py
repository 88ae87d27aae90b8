"""The constants that lanes need step after step, gathered into one ROM."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.rom import Rom

LUT_DEPTH = 128
"""Rows of a table that goes to LUTs, two a bit; deeper ones are worth a block RAM."""


class FieldRom:
    """Collects one table a field, then builds one ROM that is read row after row.

    Row ``r`` is that of the ``r``-th step, modulo the number of rows. Fields whose rows are all
    equal become constants and cost nothing.

    Parameters
    ----------
    rows : rows of every table.
    """

    AHEAD = 2
    """Cycles from `attach`'s ``advance`` to the row at the fields."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._fields: list[tuple[Signal, Sequence[int] | np.ndarray]] = []

    def field(self, table: Sequence[int] | np.ndarray, width: int, name: str) -> Value:
        """The value of this field in the current step; ``table`` holds unsigned integers."""
        if len(set(table)) == 1:
            return Const(int(table[0]), max(width, 1))
        signal = Signal(width, name=name)
        self._fields.append((signal, table))
        return signal

    def attach(self, m: Module, advance: Signal) -> None:
        """Builds the ROM into ``m``; the field's row follows `AHEAD` cycles after ``advance``."""
        if not self._fields:
            return
        words = [0] * self._rows
        position = 0
        for signal, table in self._fields:
            for row, value in enumerate(table):
                words[row] |= int(value) << position
            position += len(signal)
        style = "lut" if self._rows <= LUT_DEPTH else "block"
        m.submodules.weights = rom = Rom(words, width=position, style=style, latency=self.AHEAD)
        row = Signal(range(self._rows), name="row")
        with m.If(advance):
            m.d.sync += row.eq(Mux(row == self._rows - 1, 0, row + 1))
        m.d.comb += rom.addr.eq(row)
        position = 0
        for signal, _ in self._fields:
            m.d.comb += signal.eq(rom.data[position : position + len(signal)])
            position += len(signal)
