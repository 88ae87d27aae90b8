# amaranth: UnusedElaboratable=no
"""Line buffers: memory, counters, pointer, addresses and masks."""

from collections.abc import Iterable, Sequence

import numpy as np

from slipstick.estimate.constants import LUT_ROWS, changing, looked_up, lut_table
from slipstick.estimate.counted import Counted, bits_of, counter, luts, up_down
from slipstick.estimate.delays import delay
from slipstick.estimate.memories import memory, rom_blocks
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.moved_reader import MovedReader
from slipstick.rtl_templates.moved_walk import NOWHERE
from slipstick.rtl_templates.row_ring import RowRing, ram_style
from slipstick.rtl_templates.step_program import StepProgram
from slipstick.rtl_templates.weight_rom import LUT_DEPTH
from slipstick.rtl_templates.window_reader import WindowReader
from slipstick.rtl_templates.window_walk import WindowWalk

LOOP = "loop_luts"
"""Counters inside each other share what says that they go on."""
MASK_DELAY = 3
"""Cycles from a step's start to the words it masks."""


def ring(walk: WindowWalk) -> Counted:
    """What all readers have: loops, rows in and out, the pointer and its steps."""
    loops = walk.address_steps()[1]
    counts = [count for _, count, _ in loops if count > 1]
    # That a loop ends is asked for by those around it, also where it ends by itself.
    total = luts(loops=len(counts), constant_reader=1)
    for count in counts:
        total += counter(count, LOOP)
    if walk.skipped:
        total += counted(StepProgram(walk))
    return total + _rows(walk) + _pointer(walk)


def _rows(walk: WindowWalk) -> Counted:
    """Counts of rows, and the place of the next word."""
    rows = walk.ring_rows.bit_length()
    needs, releases = zip(*walk.row_program, strict=True)
    found = luts(lookup_luts=sum(looked_up(changing(each, rows)) for each in (needs, releases)))
    # Rows leave three cycles late; bits that are never set vanish, equal ones are one.
    late = 3 * _distinct(releases, rows)
    places = counter(walk.depth, LOOP) + counter(walk.width * walk.words, LOOP)
    # Of rows that are there, and of those that are not yet overwritten.
    counts = up_down(rows) + up_down(rows) + luts(row_comparisons=2)
    return places + counts + found + Counted(ff=late)


def _pointer(walk: WindowWalk) -> Counted:
    """The pointer and the way it moves: one of the loops' constants."""
    bits = bits_of(walk.depth)
    constants = [constant for _, _, constant in walk.address_steps()[1]]
    ways = [constants]
    if not _wraps_itself(walk):
        ways.append([constant - walk.depth for constant in constants])
    distinct = sum(_distinct(way, bits) for way in ways)
    if walk.skipped:
        distinct = bits * len(ways)
    # The wrapped way is never all 0: it has a sign besides.
    valid = 1
    # A table of steps has any distance.
    added = _sum(walk, [0, (1 << bits) - 1] if walk.skipped else constants)
    return Counted(ff=bits + distinct + valid) + luts(way_bits=distinct) + added


def _sum(walk: WindowWalk, ways: Sequence[int]) -> Counted:
    """The pointer plus one of ``ways``, which are in registers.

    Where a bit of the way never changes, the carries pass the pointer's, inverted if it is one. In
    a ring that does not end by itself another sum says whether the first leaves it, and the LUTs
    choose between two ways.
    """
    mask = (1 << bits_of(walk.depth)) - 1
    forward = _varying(ways) & mask
    if _wraps_itself(walk):
        ones = int(np.bitwise_and.reduce(ways)) & mask
        return luts(pointer_bits=forward.bit_count(), inverted_bits=ones.bit_count())
    less = [way - walk.depth for way in ways]
    chosen = int(np.bitwise_or.reduce(np.bitwise_xor(ways, less)))
    wrapped = _varying(less) & mask
    ones = int(np.bitwise_and.reduce(less)) & mask
    return luts(
        inverted_bits=ones.bit_count(),
        pointer_bits=wrapped.bit_count(),
        chosen_bits=((chosen | forward | wrapped) & mask).bit_count(),
    )


def _varying(values: Sequence[int]) -> int:
    """The bits in which ``values`` differ."""
    return int(np.bitwise_or.reduce(values) ^ np.bitwise_and.reduce(values))


def _wraps_itself(walk: WindowWalk) -> bool:
    return walk.depth.bit_count() == 1


def _distinct(values: Iterable[int], bits: int) -> int:
    """Different bit columns of a table, those of nothing but zeros left out."""
    table = np.array([int(value) for value in values])
    columns = {tuple(((table >> bit) & 1).tolist()) for bit in range(bits)}
    return len([column for column in columns if any(column)])


def _flags() -> Counted:
    """Whether a step is valid, ends its beat: four registers each, the first shared."""
    return Counted(ff=2 * RowRing.LATENCY - 1) + luts(constant_flags=1)


@counted.register
def _(part: WindowReader) -> Counted:
    walk = part.walk
    offsets = walk.tap_offsets()
    bits, word = bits_of(walk.depth), part.word_bits
    style = ram_style(word, walk.depth)
    total = ring(walk) + _flags() + memory(word, walk.depth, len(offsets), style)
    total += Counted(ff=len(offsets) * word)
    # Addresses share the low bits in which their offsets are 0.
    ff = bits
    for offset in offsets:
        if offset:
            ff += bits - ((offset & -offset).bit_length() - 1)
    sums = (_sum(walk, [offset]) for offset in offsets)
    return sum(sums, total + Counted(ff=ff) + _window_masks(walk))


def _window_masks(walk: WindowWalk) -> Counted:
    inside = [walk.in_image(axis) for axis in (0, 1)]
    if all(axis.all() for axis in inside):
        return Counted()
    masks = sum(walk.masked_taps)
    found = sum(looked_up(changing(_lines(axis), axis.shape[1])) for axis in inside)
    return delay(masks, MASK_DELAY) + luts(masks=masks, lookup_luts=found)


def _lines(inside: np.ndarray) -> list[int]:
    """The taps that lie inside, as a number for each position."""
    return [int(line @ (1 << np.arange(inside.shape[1]))) for line in inside.astype(int)]


@counted.register
def _(part: MovedReader) -> Counted:
    walk, moves = part._moved, part._moved.moves
    groups: dict[tuple[int, ...], list[int]] = {}
    for lane, bank in enumerate(moves.banks):
        if bank != NOWHERE:
            groups.setdefault(tuple(walk.offsets[:, lane].tolist()), []).append(lane)
    bits = bits_of(walk.depth)
    total = ring(walk) + _flags()
    for column, lanes in groups.items():
        banks = {moves.banks[lane] for lane in lanes}
        width = len(banks) * part._width
        total += memory(width, walk.depth, 1, ram_style(width, walk.depth))
        total += Counted(ff=len(lanes) * part._width) + _moved_address(walk, column, bits)
    return total + _moved_masks(part)


def _moved_address(walk: WindowWalk, column: Sequence[int], bits: int) -> Counted:
    total = Counted(ff=bits) + _sum(walk, column)
    if len(set(column)) == 1:
        return total
    ways = [column] if _wraps_itself(walk) else [column, [way - walk.depth for way in column]]
    distinct = sum(_distinct(way, bits) for way in ways)
    found = sum(looked_up(changing(way, bits)) for way in ways)
    return total + Counted(ff=distinct) + luts(lookup_luts=found)


def _moved_masks(part: MovedReader) -> Counted:
    moves, walk = part._moved.moves, part._moved
    places = sorted({*zip(moves.dy.flat, moves.dx.flat, strict=True)})
    columns = {
        tuple(zip(moves.dy[:, lane], moves.dx[:, lane], moves.real[:, lane], strict=True))
        for lane in range(len(moves.banks))
    }
    masks = [column for column in columns if any(real and (dy or dx) for dy, dx, real in column)]
    choices = sum(len(set(column)) - 1 for column in masks)
    # A table for each distance along either axis, and what both say of each place together.
    found = sum(
        -(-size // LUT_ROWS) * len({place[axis] for place in places if place[axis]})
        for axis, size in enumerate(walk.output_size)
    )
    moving = sum(1 for place in places if any(place))
    return delay(len(masks), MASK_DELAY) + luts(
        mask_choices=choices, masks=moving, lookup_luts=found
    )


@counted.register
def _(part: StepProgram) -> Counted:
    steps = len(part._tables["first"])
    index = bits_of(steps)
    columns = [
        ((np.asarray(table, np.int64) >> bit) & 1).astype(bool)
        for name, table in part._tables.items()
        for bit in range(part._widths[name])
    ]
    varying = np.array([column for column in columns if column.any() and not column.all()])
    if steps > LUT_DEPTH:
        # The step that is read, the one before it, and whether the counter goes on or back.
        reads = counter(steps) + luts(program_bits=index, block_program_luts=6)
        rom = rom_blocks(sum(part._widths.values()), steps)
        return reads + rom + Counted(ff=index + 1 + len(varying))
    if steps == 1 or not len(varying):
        return Counted()
    return luts(program_bits=index, program=1) + lut_table(varying)
