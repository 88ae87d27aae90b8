"""How Yosys lays out a memory: block RAMs, or RAM in LUTs where that is cheaper."""

from collections.abc import Callable

BLOCKS = (
    (1, 36, 512), (1, 18, 1024), (1, 9, 2048), (1, 4, 4096), (2, 9, 4096), (1, 2, 8192),
    (1, 1, 16384),
)  # fmt: skip
"""Halves of block RAMs, their width and depth with one port to write and one to read."""
SHALLOW, DEEP = 32, 64
"""Depths that a cell of RAM in LUTs can have."""
READS = 3
"""Ports to read of a cell that has several; then it is narrower."""
HALF_COST, CELL_COST = 128.5, 8
"""What decides: cost of half a block, and of a cell of RAM in LUTs."""
MUX_COST = 0.5
"""Cost of a bit of each further word that is read and chosen from."""


def cheapest_shape(width: int, depth: int, blocks: Callable[[int, int], int]) -> tuple[int, int]:
    """Halves of block RAMs as Yosys takes them, and how many words are read at once to choose from.

    So many ``blocks`` of a width hold so many words.
    """
    choices = []
    for halves, wide, deep in BLOCKS:
        words = -(-depth // deep)
        choices.append((halves * blocks(wide, words), words))
    return min(choices, key=lambda c: HALF_COST * c[0] + MUX_COST * width * (c[1] - 1))


def rom_shape(width: int, depth: int) -> tuple[int, int]:
    """`cheapest_shape` of a ROM; words that are read at once lie side by side, across blocks."""
    return cheapest_shape(width, depth, lambda wide, words: -(-width * words // wide))


def ram_shape(width: int, depth: int) -> tuple[int, int]:
    """`cheapest_shape` of a RAM."""
    return cheapest_shape(width, depth, lambda wide, words: -(-width // wide) * words)


def ram_cells(width: int, depth: int, reads: int) -> int:
    """Cells of a RAM in LUTs with so many ports to read."""
    several, alone = divmod(reads, READS)
    return several * _cells(width, depth, 2, 1) + alone * _cells(width, depth, 6, 3)


def is_block(width: int, depth: int, reads: int = 1) -> bool:
    """Whether a RAM goes to block RAM where nothing is asked for."""
    halves, _ = ram_shape(width, depth)
    return CELL_COST * ram_cells(width, depth, reads) > HALF_COST * reads * halves


def _cells(width: int, depth: int, shallow_bits: int, deep_bits: int) -> int:
    """Cells that hold so many bits when shallow, and when deep."""
    return min(
        -(-width // shallow_bits) * -(-depth // SHALLOW), -(-width // deep_bits) * -(-depth // DEEP)
    )
