"""ROMs of constants: LUTs for the columns that differ, or block RAM."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slipstick.estimate.counted import Counted, bits_of, counter, luts
from slipstick.estimate.delays import tapped_delay
from slipstick.estimate.memories import deep_rom, rom_blocks
from slipstick.rtl_templates.block_shapes import rom_shape
from slipstick.rtl_templates.weight_rom import SHARED_DELAYS, FieldRom, RomStyle, rom_style

LUT_ROWS = 64
"""Rows that one LUT of a ROM holds."""
JOINED = 4
"""LUTs of one bit that multiplexers beside them join."""


@dataclass(frozen=True, eq=False)
class ReadField:
    """A field as `FieldRom.field` takes it; ``table`` is int64 ``(rows,)``.

    ``is_single`` says that each bit is read by one LUT alone.
    """

    table: np.ndarray
    width: int
    delay: int = 0
    spare: int = 0
    is_single: bool = False


def field_rom(fields: Sequence[ReadField], rows: int, style: RomStyle | None = None) -> Counted:
    """The ROMs and the row counter of a `FieldRom`."""
    fields = [f for f in fields if f.width and rows > 1 and (f.table != f.table[0]).any()]
    if not fields:
        return Counted()
    index = bits_of(rows)
    style = style or rom_style(rows)
    decodes = style == "lut"
    read = [f for f in fields if not (decodes and index <= f.spare)]
    late = {FieldRom.AHEAD + f.delay for f in fields if decodes and index <= f.spare}
    shared = SHARED_DELAYS if style == "block" else 1
    total = _decoded(fields, rows) if decodes else Counted()
    for group in sorted({f.delay // shared for f in read}):
        members = [f for f in read if f.delay // shared == group]
        delay = group * shared
        if style == "block" and rom_shape(_bits(members), rows)[1] > 1:
            total += deep_rom(_bits(members), rows) + Counted(ff=delay)
        else:
            late.add(delay + (1 if style == "lut" else 0))
            total += _rom(members, rows, style)
        if style == "block":
            total += Counted(ff=sum(field.width * (field.delay - delay) for field in members))
    return total + (counter(rows) + tapped_delay(index, late) if late else Counted())


def _bits(fields: Sequence[ReadField]) -> int:
    return sum(field.width for field in fields)


def _decoded(fields: Sequence[ReadField], rows: int) -> Counted:
    """LUTs of the fields whose tables may vanish into the LUTs that read them.

    Where several LUTs read a bit, mapping often keeps a LUT for it; where one does, never.
    """
    index = bits_of(rows)
    shared = [field for field in fields if index <= field.spare and not field.is_single]
    return luts(decoded_luts=_tables(shared))


def _tables(fields: Sequence[ReadField]) -> int:
    return looked_up(np.concatenate([_columns(field) for field in fields])) if fields else 0


def _rom(fields: Sequence[ReadField], rows: int, style: RomStyle) -> Counted:
    """One ROM of ``fields`` that is read by the number of the row."""
    if style == "block":
        return rom_blocks(_bits(fields), rows) + Counted(ff=_bits(fields))
    return lut_table(np.concatenate([_columns(field) for field in fields]))


def lut_table(columns: np.ndarray) -> Counted:
    """Registered LUTs of a ROM with these columns, bool ``(bits, rows)``.

    Columns that are equal share LUTs and register, and one that is a bit of the address is a
    wire.
    """
    feature = "rom_luts" if columns.shape[1] <= LUT_ROWS else "deep_rom_luts"
    return Counted(ff=len(_distinct(columns)), features={feature: looked_up(columns)})


def looked_up(columns: np.ndarray) -> int:
    """LUTs of tables with these columns, bool ``(bits, rows)``."""
    rows = columns.shape[1]
    addresses = ((np.arange(rows) >> np.arange(bits_of(rows))[:, None]) & 1).astype(bool)
    wires = _distinct(addresses).keys()
    return len(_distinct(columns).keys() - wires) * _luts_of_a_bit(rows)


def _luts_of_a_bit(rows: int) -> int:
    """LUTs of a bit of ``rows``: multiplexers beside them join up to four, and LUTs the joined."""
    joined, rest = divmod(-(-rows // LUT_ROWS), JOINED)
    joins = joined + bool(rest)
    return JOINED * joined + (1 << bits_of(rest) if rest else 0) + (joins > 1)


def _distinct(columns: np.ndarray) -> dict[bytes, int]:
    """A place of each different column."""
    packed = np.packbits(columns, axis=1)
    return {line.tobytes(): place for place, line in enumerate(packed)}


def changing(table: Sequence[int] | np.ndarray, width: int) -> np.ndarray:
    """The bit columns of ``table`` that change: bool ``(bits, rows)``."""
    rows = np.asarray(table, np.int64)
    bits = ((rows >> np.arange(width)[:, None]) & 1).astype(bool)
    return bits[(bits != bits[:, :1]).any(axis=1)]


def _columns(field: ReadField) -> np.ndarray:
    """The bit columns of a field that change: bool ``(bits, rows)``."""
    return changing(field.table, field.width)
