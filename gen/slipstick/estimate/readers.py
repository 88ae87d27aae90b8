# amaranth: UnusedElaboratable=no
"""Line buffers: memory, counters, pointer, addresses and masks."""

from collections.abc import Iterable, Sequence

import numpy as np

from slipstick.estimate.constants import lut_table
from slipstick.estimate.counted import Counted, bits_of, luts
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
    counters = sum(bits_of(count) for count in counts)
    total = Counted(ff=counters) + luts(loop_bits=counters, loops=len(counts), constant_reader=1)
    if walk.skipped:
        total += counted(StepProgram(walk))
    return total + _rows(walk) + _pointer(walk)


def _rows(walk: WindowWalk) -> Counted:
    """Counts of rows, and the place of the next word."""
    pointer, column = bits_of(walk.depth), bits_of(walk.width * walk.words)
    rows = (walk.ring_rows).bit_length()
    needs, releases = zip(*walk.row_program, strict=True)
    index = bits_of(len(needs))
    looked_up = _distinct(needs, rows) + _distinct(releases, rows)
    # Rows leave three cycles late; bits that are never set vanish.
    late = 3 * np.bitwise_or.reduce(releases).bit_count()
    total = Counted(ff=pointer + column + 2 * rows + int(late))
    wraps = 0 if walk.depth.bit_count() == 1 else pointer
    return total + luts(
        write_bits=pointer + column,
        write_wrap_bits=wraps,
        row_bits=2 * rows,
        row_lookup=looked_up * index,
    )


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
    total = Counted(ff=bits + distinct + valid)
    return total + luts(way_bits=distinct * len(constants), **_adder(walk, bits))


def _adder(walk: WindowWalk, bits: int, varies: bool = True) -> dict[str, float]:
    """LUT features of an addition to the pointer."""
    if _wraps_itself(walk):
        return {"pointer_bits": bits}
    return {"wrapped_pointer_bits" if varies else "wrapped_address_bits": bits}


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
            low_zeros = (offset & -offset).bit_length() - 1
            ff += bits - low_zeros
            total += luts(**_adder(walk, bits - low_zeros, varies=False))
    return total + Counted(ff=ff) + _window_masks(walk)


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
    looked_up = sum(_distinct(_lines(axis), axis.shape[1]) * bits_of(len(axis)) for axis in inside)
    return delay(masks, MASK_DELAY) + luts(masks=masks, mask_lookup=looked_up)


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
    total = Counted(ff=bits) + luts(**_adder(walk, bits, varies=False))
    if len(set(column)) == 1:
        return total
    ways = [column] if _wraps_itself(walk) else [column, [way - walk.depth for way in column]]
    distinct = sum(_distinct(way, bits) for way in ways)
    return total + Counted(ff=distinct) + luts(distance_bits=distinct * bits_of(len(column)))


def _moved_masks(part: MovedReader) -> Counted:
    moves, walk = part._moved.moves, part._moved
    places = sorted({*zip(moves.dy.flat, moves.dx.flat, strict=True)})
    columns = {
        tuple(zip(moves.dy[:, lane], moves.dx[:, lane], moves.real[:, lane], strict=True))
        for lane in range(len(moves.banks))
    }
    masks = [column for column in columns if any(real and (dy or dx) for dy, dx, real in column)]
    choices = sum(len(set(column)) for column in masks)
    moving = [place for place in places if any(place)]
    index = bits_of(walk.output_size[0]) + bits_of(walk.output_size[1])
    return delay(len(masks), MASK_DELAY) + luts(
        mask_choices=choices, mask_lookup=len(moving) * index
    )


@counted.register
def _(part: StepProgram) -> Counted:
    steps = len(part._tables["first"])
    index = bits_of(steps)
    follows = luts(counter_bits=index, program=1)
    if steps > LUT_DEPTH:
        return follows + rom_blocks(sum(part._widths.values()), steps)
    columns = [
        ((np.asarray(table, np.int64) >> bit) & 1).astype(bool)
        for name, table in part._tables.items()
        for bit in range(part._widths[name])
    ]
    changing = np.array([column for column in columns if column.any() and not column.all()])
    if steps == 1 or not len(changing):
        return Counted()
    return follows + lut_table(changing)
