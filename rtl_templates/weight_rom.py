"""The constants that lanes need step after step, gathered into ROMs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.block_shapes import rom_shape
from slipstick.rtl_templates.deep_rom import DeepRom
from slipstick.rtl_templates.rom import Rom, rom_lookup

LUT_DEPTH = 128
"""Rows of a table that goes to LUTs, two a bit; deeper ones are worth a block RAM."""

SHARED_DELAYS = 2
"""Delays whose fields one block RAM holds: a register a bit makes up for the difference.

With the one behind the block RAM, two would become a shift register in a LUT.
"""

RomStyle = Literal["lut", "block"]


def rom_style(rows: int) -> RomStyle:
    """Where a table of ``rows`` goes unless it is said otherwise."""
    return "lut" if rows <= LUT_DEPTH else "block"


@dataclass(frozen=True)
class _Field:
    signal: Signal
    table: Sequence[int] | np.ndarray
    delay: int


class FieldRom:
    """Collects one table a field, then builds ROMs that are read row after row.

    Row ``r`` is that of the ``r``-th step, modulo the number of rows. Fields whose rows are all
    equal become constants and cost nothing.

    Parameters
    ----------
    rows : rows of every table.
    style : what holds the tables; without it, what their depth asks for.
    """

    AHEAD = 2
    """Cycles from `attach`'s ``advance`` to the row at the fields that have no delay."""

    def __init__(self, rows: int, style: RomStyle | None = None) -> None:
        self._rows, self._style = rows, style or rom_style(rows)
        self._read: list[_Field] = []
        self._decoded: list[_Field] = []

    def field(
        self,
        table: Sequence[int] | np.ndarray,
        width: int,
        name: str,
        delay: int = 0,
        spare: int = 0,
    ) -> Value:
        """The value of this field in the step of ``delay`` cycles ago.

        ``table`` holds unsigned integers. ``spare`` inputs are left in every LUT that reads the
        field: where the number of the step fits in there, the table vanishes into these LUTs.
        """
        if len(set(table)) == 1:
            return Const(int(table[0]), max(width, 1))
        signal = Signal(width, name=name)
        decodes = self._style == "lut" and (self._rows - 1).bit_length() <= spare
        fields = self._decoded if decodes else self._read
        fields.append(_Field(signal, table, delay))
        return signal

    def attach(self, m: Module, advance: Signal) -> None:
        """Builds the ROMs into ``m``; a row follows `AHEAD` cycles after ``advance``.

        The first cycle after reset is too early for ``advance``: see `DeepRom`.
        """
        rows = _Rows(m, advance, self._rows)
        for field in self._decoded:
            index = rows.late(self.AHEAD + field.delay)
            table = [int(value) for value in field.table]
            found = rom_lookup(m, index, table, len(field.signal), f"{field.signal.name}_row")
            m.d.comb += field.signal.eq(found)
        shared = SHARED_DELAYS if self._style == "block" else 1
        by_delay = sorted(self._read, key=lambda field: field.delay)
        for group, members in groupby(by_delay, lambda field: field.delay // shared):
            self._attach_rom(m, rows, list(members), group * shared)

    def _attach_rom(self, m: Module, rows: "_Rows", fields: list[_Field], delay: int) -> None:
        """One ROM of ``fields``, which are due ``delay`` cycles late or a few more."""
        words = [0] * self._rows
        position = 0
        for field in fields:
            for row, value in enumerate(field.table):
                words[row] |= int(value) << position
            position += len(field.signal)
        data = self._rom(m, rows, words, position, delay)
        position = 0
        for field in fields:
            bits = Signal(len(field.signal), name=f"{field.signal.name}_read")
            m.d.comb += bits.eq(data[position : position + len(bits)])
            late = delayed(m, bits, field.delay - delay, field.signal.name)
            m.d.comb += field.signal.eq(late)
            position += len(bits)

    def _rom(self, m: Module, rows: "_Rows", words: list[int], width: int, delay: int) -> Value:
        """The row of the step that is due."""
        if self._style == "block" and rom_shape(width, self._rows)[1] > 1:
            deep = DeepRom(words, width)
            m.submodules[f"weights_{delay}"] = deep
            m.d.comb += deep.i_advance.eq(rows.advance(delay))
            return deep.o_data
        # The second register goes where it is cheap: LUTs have a short way to their data, block
        # RAM a long one.
        early = self._style == "lut"
        rom = Rom(words, width, style=self._style, latency=1 if early else 2)
        m.submodules[f"weights_{delay}"] = rom
        m.d.comb += rom.addr.eq(rows.late(delay + int(early)))
        return rom.data


class _Rows:
    """Counts rows, and remembers as many of the last ones as are asked for."""

    def __init__(self, m: Module, advance: Signal, rows: int) -> None:
        self._m, self._advance, self._rows = m, advance, rows
        self._late: list[Signal] = []

    def advance(self, cycles: int) -> Signal:
        """Whether the row advanced ``cycles`` ago."""
        return delayed(self._m, self._advance, cycles, f"advance_{cycles}", reset_less=False)

    def late(self, cycles: int) -> Signal:
        """The row of ``cycles`` ago."""
        if not self._late:
            row = Signal(range(self._rows), name="row")
            with self._m.If(self._advance):
                self._m.d.sync += row.eq(Mux(row == self._rows - 1, 0, row + 1))
            self._late.append(row)
        while len(self._late) <= cycles:
            name = f"row_{len(self._late) - 1}"
            self._late.append(delayed(self._m, self._late[-1], 1, name))
        return self._late[cycles]
