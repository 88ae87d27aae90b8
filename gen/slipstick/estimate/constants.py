"""ROMs of constants: LUTs for the columns that differ, or block RAM."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slipstick.estimate.counted import Counted, bits_of, luts
from slipstick.estimate.delays import tapped_delay
from slipstick.estimate.memories import rom_blocks
from slipstick.rtl_templates.weight_rom import SHARED_DELAYS, FieldRom, RomStyle, rom_style

LUT_ROWS = 64
"""Rows that one LUT of a ROM holds."""


@dataclass(frozen=True, eq=False)
class ReadField:
    """A field as `FieldRom.field` takes it; ``table`` is int64 ``(rows,)``."""

    table: np.ndarray
    width: int
    delay: int = 0
    spare: int = 0


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
    total = Counted(ff=index) + luts(row_bits=index, counters=1)
    for group in sorted({f.delay // shared for f in read}):
        members = [f for f in read if f.delay // shared == group]
        late.add(group * shared + (1 if style == "lut" else 0))
        total += _rom(members, rows, style, group * shared)
    return total + tapped_delay(index, late)


def _rom(fields: Sequence[ReadField], rows: int, style: RomStyle, delay: int) -> Counted:
    """One ROM of ``fields``, which are due ``delay`` cycles late or a few more."""
    if style == "block":
        bits = sum(field.width for field in fields)
        late = sum(field.width * (field.delay - delay) for field in fields)
        return rom_blocks(bits, rows) + Counted(ff=bits + late)
    return lut_table(np.concatenate([_columns(field) for field in fields]))


def lut_table(columns: np.ndarray) -> Counted:
    """Registered LUTs of a ROM with these columns, bool ``(bits, rows)``.

    Columns that are equal share LUTs and register, and one that is a bit of the address is a
    wire.
    """
    rows = columns.shape[1]
    distinct = {line.tobytes() for line in np.packbits(columns, axis=1)}
    addresses = (np.arange(rows) >> np.arange(bits_of(rows))[:, None]) & 1
    wires = {line.tobytes() for line in np.packbits(addresses.astype(bool), axis=1)}
    looked_up = len(distinct - wires) * -(-rows // LUT_ROWS)
    kind = "rom_luts_small" if rows <= LUT_ROWS // 2 else "rom_luts"
    return luts(**{kind: looked_up}) + Counted(ff=len(distinct))


def _columns(field: ReadField) -> np.ndarray:
    """The bit columns of a field that change: bool ``(bits, rows)``."""
    bits = ((field.table >> np.arange(field.width)[:, None]) & 1).astype(bool)
    return bits[(bits != bits[:, :1]).any(axis=1)]
