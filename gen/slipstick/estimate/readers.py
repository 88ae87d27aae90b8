# amaranth: UnusedElaboratable=no
"""Line buffers: memory, counters, pointer, addresses and masks."""

from collections.abc import Iterable, Sequence

import numpy as np

from slipstick.estimate.constants import LUT_ROWS, changing, looked_up, lut_table
from slipstick.estimate.counted import Counted, bits_of, counter, luts
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

MASK_DELAY = 3
"""Cycles from a step's start to the words it masks."""


def ring(walk: WindowWalk) -> Counted:
    """What all readers have: loops, rows in and out, the pointer and its steps."""
    loops = walk.address_steps()[1]
    counts = [count for _, count, _ in loops if count > 1]
    # That a loop ends is asked for by those around it, also where it ends by itself.
    total = sum(map(counter, counts), luts(loops=len(counts), constant_reader=1))
    if walk.skipped:
        total += counted(StepProgram(walk))
    return total + _rows(walk) + _pointer(walk)


def _rows(walk: WindowWalk) -> Counted:
    """Counts of rows, and the place of the next word."""
    rows = walk.ring_rows.bit_length()
    needs, releases = zip(*walk.row_program, strict=True)
    found = luts(lookup_luts=sum(looked_up(changing(each, rows)) for each in (needs, releases)))
    # Rows leave three cycles late; bits that are never set vanish.
    late = 3 * np.bitwise_or.reduce(releases).bit_count()
    places = counter(walk.depth) + counter(walk.width * walk.words)
    return places + found + Counted(ff=2 * rows + int(late)) + luts(row_bits=2 * rows)


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
    # One sum with the way, one more to see whether it leaves the ring.
    added = luts(pointer_bits=bits * len(ways))
    return Counted(ff=bits + distinct + valid) + luts(way_bits=distinct) + added


def _addresses(walk: WindowWalk, distances: Iterable[int]) -> Counted:
    """Addresses at constant distances from the pointer.

    Where a constant is added, the carries pass the pointer's bits, some of them inverted, and
    all addresses share what inverts. In a ring that does not end by itself, the LUTs choose
    between two constants where these differ.
    """
    bits = bits_of(walk.depth)
    if _wraps_itself(walk):
        ever = int(np.bitwise_or.reduce([*distances, 0]))
        return luts(inverted_bits=ever.bit_count())
    mask = (1 << bits) - 1
    chosen = sum(((way ^ (way - walk.depth)) & mask).bit_count() for way in distances)
    return luts(chosen_address_bits=chosen, inverted_bits=bits)


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
    return total + Counted(ff=ff) + _addresses(walk, offsets) + _window_masks(walk)


def _window_masks(walk: WindowWalk) -> Counted:
    inside = [walk.in_image(axis) for axis in (0, 1)]
    if all(axis.all() for axis in inside):
        return Counted()
    # Each tap has a mask, but those that always lie inside.
    rows, columns = (
        _sometimes_outside(axis, taps)
        for axis, taps in zip(inside, walk.parallel_kernel, strict=True)
    )
    masks = sum(row or column for row in rows for column in columns)
    found = sum(looked_up(changing(_lines(axis), axis.shape[1])) for axis in inside)
    return delay(masks, MASK_DELAY) + luts(masks=masks, lookup_luts=found)


def _sometimes_outside(inside: np.ndarray, taps: int) -> list[bool]:
    """For each of the ``taps`` read in parallel, whether it can lie outside the image."""
    if taps == 1:
        return [not inside.all()]
    return [not column.all() for column in inside.T]


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
    total = ring(walk) + _flags()
    bits = bits_of(walk.depth)
    for column, lanes in groups.items():
        banks = {moves.banks[lane] for lane in lanes}
        width = len(banks) * part._width
        total += memory(width, walk.depth, 1, ram_style(width, walk.depth))
        total += Counted(ff=len(lanes) * part._width) + _moved_address(walk, column, bits)
    return total + _moved_masks(part)


def _moved_address(walk: WindowWalk, column: Sequence[int], bits: int) -> Counted:
    if len(set(column)) == 1:
        return Counted(ff=bits) + _addresses(walk, column[:1])
    ways = [column] if _wraps_itself(walk) else [column, [way - walk.depth for way in column]]
    distinct = sum(_distinct(way, bits) for way in ways)
    found = sum(looked_up(changing(way, bits)) for way in ways)
    added = luts(pointer_bits=bits * len(ways), lookup_luts=found)
    return Counted(ff=bits + distinct) + added


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
    follows = luts(program_bits=index, program=1)
    if steps > LUT_DEPTH:
        return follows + rom_blocks(sum(part._widths.values()), steps)
    columns = [
        ((np.asarray(table, np.int64) >> bit) & 1).astype(bool)
        for name, table in part._tables.items()
        for bit in range(part._widths[name])
    ]
    varying = np.array([column for column in columns if column.any() and not column.all()])
    if steps == 1 or not len(varying):
        return Counted()
    return follows + lut_table(varying)
