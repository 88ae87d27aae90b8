"""RAM and ROM as Yosys maps them: LUTs, halves of block RAMs, registers at their ports.

Measured with its ``memory_libmap`` over widths of 1 to 1500 bits and depths of 8 to 4608; a
ROM, to 10752.
"""

from slipstick.estimate.counted import Counted, bits_of, counter, luts
from slipstick.rtl_templates.block_shapes import DEEP, is_block, ram_cells, ram_shape, rom_shape

CELL_SITES = 4
"""LUT sites of a cell of RAM in LUTs."""


def memory(
    width: int, depth: int, reads: int, style: str | None, registered: bool = True
) -> Counted:
    """A RAM with one port to write; ``style`` as in ``ram_style``, None if Yosys decides.

    ``registered`` ports have a register behind them, which block RAM contains.
    """
    halves, words = ram_shape(width, depth)
    if style is None:
        style = "block" if is_block(width, depth, reads) else "distributed"
    if style == "block":
        chosen = luts(block_mux_bits=width * reads * _choosers(words))
        return Counted(bram18=reads * halves, ff=reads * bits_of(words)) + chosen
    banks = -(-depth // DEEP)
    registers = Counted(ff=width * reads if registered else 0)
    return (
        registers
        + Counted(lutram=CELL_SITES * ram_cells(width, depth, reads))
        + luts(ram_mux_bits=width * reads * _choosers(banks), ram_banks=banks - 1)
    )


def rom_blocks(width: int, depth: int) -> Counted:
    """A ROM in block RAM."""
    halves, words = rom_shape(width, depth)
    mux = luts(rom_mux_bits=width * _choosers(words))
    return Counted(bram18=halves, ff=bits_of(words)) + mux


def deep_rom(width: int, depth: int) -> Counted:
    """A `DeepRom`: three LUTs tell the last row of a word, and whether one is read."""
    halves, beside = rom_shape(width, depth)
    counts = counter(beside) + counter(-(-depth // beside)) + luts(deep_rom_turns=3)
    registers = Counted(ff=width * (beside + 1) + bits_of(beside) + 1)
    first = _choosers(beside)
    # Beyond two, LUTs choose among the chosen, too.
    mux = luts(deep_rom_mux_bits=width * (first + (_choosers(first) if first > 2 else 0)))
    return Counted(bram18=halves) + counts + registers + mux


def _choosers(banks: int) -> int:
    """LUTs that choose one bit among those of ``banks``: four inputs each, their joins are free."""
    return -(-banks // 4) if banks > 1 else 0
