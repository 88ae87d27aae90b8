"""RAM and ROM as Yosys maps them: LUTs, halves of block RAMs, registers at their ports.

Measured with its ``memory_libmap`` over widths of 1 to 1500 bits and depths of 8 to 4608; a
ROM, to 10752.
"""

from collections.abc import Callable

from slipstick.estimate.counted import Counted, bits_of, luts

BLOCKS = (
    (1, 36, 512), (1, 18, 1024), (1, 9, 2048), (1, 4, 4096), (2, 9, 4096), (1, 2, 8192),
    (1, 1, 16384),
)  # fmt: skip
"""Halves of block RAMs, their width and depth with one port to write and one to read."""
CELL_SITES = 4
"""LUT sites of a cell of RAM in LUTs."""
SHALLOW, DEEP = 32, 64
"""Depths that such a cell can have."""
CELL_COST, HALF_COST = 8, 128.5
"""What decides between both where nothing was asked for: cost of a cell, and of half a block."""
MUX_COST = 0.5
"""Cost of a bit of each further word that is read and chosen from."""
READS = 3
"""Ports to read of a cell that has several; then it is narrower."""


def memory(
    width: int, depth: int, reads: int, style: str | None, registered: bool = True
) -> Counted:
    """A RAM with one port to write; ``style`` as in ``ram_style``, None if Yosys decides.

    ``registered`` ports have a register behind them, which block RAM contains.
    """
    cells = _cells(width, depth, reads)
    halves, words = _cheapest(width, depth, lambda wide, words: -(-width // wide) * words)
    if style is None:
        style = "distributed" if CELL_COST * cells <= HALF_COST * reads * halves else "block"
    if style == "block":
        chosen = luts(block_mux_bits=width * reads * _choosers(words))
        return Counted(bram18=reads * halves, ff=reads * bits_of(words)) + chosen
    banks = -(-depth // DEEP)
    registers = Counted(ff=width * reads if registered else 0)
    return (
        registers
        + Counted(lutram=CELL_SITES * cells)
        + luts(ram_mux_bits=width * reads * _choosers(banks), ram_banks=banks - 1)
    )


def rom_blocks(width: int, depth: int) -> Counted:
    """A ROM in block RAM; words that are read at once lie side by side, across blocks."""
    halves, words = _cheapest(width, depth, lambda wide, words: -(-width * words // wide))
    mux = luts(rom_mux_bits=width * _choosers(words))
    return Counted(bram18=halves, ff=bits_of(words)) + mux


def _cheapest(width: int, depth: int, blocks: Callable[[int, int], int]) -> tuple[int, int]:
    """Halves of block RAMs as Yosys takes them, and how many words are read at once to choose from.

    So many ``blocks`` of a width hold so many words.
    """
    choices = []
    for halves, wide, deep in BLOCKS:
        words = -(-depth // deep)
        choices.append((halves * blocks(wide, words), words))
    return min(choices, key=lambda c: HALF_COST * c[0] + MUX_COST * width * (c[1] - 1))


def _choosers(banks: int) -> int:
    """LUTs that choose one bit among those of ``banks``: four inputs each, their joins are free."""
    return -(-banks // 4) if banks > 1 else 0


def _cells(width: int, depth: int, reads: int) -> int:
    several, alone = divmod(reads, READS)
    return several * _cells_of(width, depth, 2, 1) + alone * _cells_of(width, depth, 6, 3)


def _cells_of(width: int, depth: int, shallow_bits: int, deep_bits: int) -> int:
    """Cells that hold so many bits when shallow, and when deep."""
    return min(
        -(-width // shallow_bits) * -(-depth // SHALLOW), -(-width // deep_bits) * -(-depth // DEEP)
    )
