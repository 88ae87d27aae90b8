"""Lane arrays: multiplexers, chains and trees of adders, and the ROMs of their weights."""

from collections.abc import Iterable, Mapping

import numpy as np

from slipstick.estimate.constants import ReadField, field_rom
from slipstick.estimate.counted import Counted, luts
from slipstick.estimate.delays import tapped_delay
from slipstick.estimate.registry import counted
from slipstick.estimate.trees import compressor, plain_tree
from slipstick.rtl_templates.l1_lanes import SPARE, L1Lanes
from slipstick.rtl_templates.pool_lanes import PoolLanes
from slipstick.rtl_templates.shift_chain import ShiftChain
from slipstick.rtl_templates.shift_lane import EARLY_INPUTS, LATE_INPUTS, ShiftLane
from slipstick.rtl_templates.shift_lanes import ShiftLanes

MUX_WAYS = 3
"""Further ways that each LUT adds to a multiplexer."""


Registers = Mapping[tuple[int, int], int]
"""By tap and channel, registers without a reset through which words come to the lanes."""


@counted.register
def _(part: ShiftLanes) -> Counted:
    return shift_lanes(part, {})


def shift_lanes(part: ShiftLanes, behind: Registers) -> Counted:
    """`ShiftLanes` whose words come ``behind`` registers, which are counted where they stand."""
    fields: list[ReadField] = []
    total = _words(part, behind)
    for p, row in enumerate(part._rows):
        total += _sum_of_output(part, p, fields)
        for place, lane in row.items():
            total += _early(lane)
            fields += _weights(lane, place // part._chains)
    return total + field_rom(fields, part._steps, part._style)


def _words(part: ShiftLanes, behind: Registers) -> Counted:
    """Registers in which words wait for their lanes."""
    total = Counted()
    for place, delays in _delays(part).items():
        held = {cycles for cycles in delays if (*place, cycles) in part.added}
        total += tapped_delay(part.source.width, delays, held, behind.get(place, 0))
    return total


def _delays(part: ShiftLanes) -> dict[tuple[int, int], set[int]]:
    """How late each channel of each tap is read."""
    found: dict[tuple[int, int], set[int]] = {}
    for row in part._rows:
        for place, lane in row.items():
            late = place // part._chains + int(lane.is_late)
            found.setdefault((lane.tap, lane.channel), set()).add(late)
    return found


def _sum_of_output(part: ShiftLanes, p: int, fields: list[ReadField]) -> Counted:
    """The chains of output ``p`` and their tree; adds what they start with to ``fields``."""
    chains = part.chains[p]
    if not chains:
        start = part._added[:, p] & (1 << part.sum_width) - 1
        fields.append(ReadField(start, part.sum_width, part.latency))
        return Counted()
    total = Counted()
    for chain in chains:
        if chain.start is not None:
            fields.append(ReadField(chain.start, part.sum_width, chain.first + 1))
        total += _chain(chain, part._length)
    sums = [chain.highest[chain.last] for chain in chains]
    return total + compressor(sums, part.sum_width, part._levels)


def _chain(chain: ShiftChain, length: int) -> Counted:
    """The adders of ``chain``, and its registers up to ``length``."""
    # Bits of the sum that change take a register; those that are ever 1, a LUT to add a wire.
    changing, ones = 0, 0
    if chain.start is not None:
        changing = int(np.bitwise_or.reduce(chain.start ^ chain.start[0]))
        ones = int(np.bitwise_or.reduce(chain.start))
    terms, ff = 0, 0
    for late in range(chain.first, length):
        if late in chain.lanes:
            lane, highest = chain.lanes[late], chain.highest[late]
            terms += _adder(lane, highest, ones) if chain.adds(late) else _unadded(lane)
            lowest = min(lane.scale, (changing & -changing).bit_length() - 1 if changing else 99)
            changing = ones = ((1 << highest.bit_length()) - 1) & -(1 << lowest)
        ff += changing.bit_count()
    return Counted(ff=ff) + luts(chain_bits=terms)


def _unadded(lane: ShiftLane) -> int:
    """LUTs of a term with which a chain begins.

    A bit that a single shift reaches is that of the word, or the register's reset: what takes a
    LUT is to tell whether it is this shift.
    """
    if lane.is_wire:
        return 0
    if lane.is_late and lane.inverts:
        return lane.bits
    fine, middle, coarse = lane.ways
    shift = np.arange(coarse)[:, None] * fine * middle - lane.cut
    bit = np.arange(lane.bits)
    reaches = (bit >= shift) & (bit < shift + _early_bits(lane))
    alone = reaches & (reaches.sum(axis=0) == 1)
    codes = coarse + int(not lane.nonzero.all())
    told = alone.any(axis=1).sum() if codes > 2 else 0
    return int(lane.bits - alone.sum() + told)


def _adder(lane: ShiftLane, highest: int, ones: int) -> int:
    """LUTs that add a lane's term to a sum whose bits ``ones`` are not always 0.

    Below and above the term the carries pass the sum's own bits.
    """
    term = int(lane.highest.max()).bit_length()
    bits = min(term, highest.bit_length() - lane.scale)
    if lane.is_wire:
        return ((ones >> lane.scale) & ((1 << bits) - 1)).bit_count()
    return bits


def _early_bits(lane: ShiftLane) -> int:
    """Bits of the value that the half of a lane in front of its adder hands on."""
    fine, middle, _ = lane.ways
    return lane.word_bits + fine * middle - 1


def _early(lane: ShiftLane) -> Counted:
    """The half of a lane in front of its adder: fine shift and sign, then the middle shift."""
    if lane.is_late:
        return Counted()
    fine, middle, coarse = lane.ways
    cut_always = max(0, lane.cut - fine * middle * (coarse - 1))
    # Bits that choose among nothing but a word's sign are one.
    same = max(0, lane.word_bits - lane.source.width - fine)
    first = lane.word_bits + fine - 1 - same
    # What the middle shift moves away from or beyond is the register's reset, by either value.
    middle_bits = (first - fine + 1) * -(-(middle - 1) // MUX_WAYS)
    early_bits = first - cut_always if middle == 1 else first
    return Counted(ff=_early_bits(lane) - cut_always) + luts(
        early_bits=early_bits, middle_bits=middle_bits
    )


def _weights(lane: ShiftLane, late: int) -> Iterable[ReadField]:
    """The fields of a lane, as `ShiftLane` asks for them."""
    fine, middle, coarse = lane.ways
    negative = lane.negative.astype(np.int64)
    if not lane.is_late:
        spare = EARLY_INPUTS - fine if middle == 1 else 0
        yield ReadField(lane.shift % fine, (fine - 1).bit_length(), late, spare)
        yield ReadField(lane.shift // fine % middle, (middle - 1).bit_length(), late, spare)
        if lane.inverts:
            yield ReadField(negative, 1, late, spare)
    spare = LATE_INPUTS - coarse
    code = np.where(lane.nonzero, lane.shift // (fine * middle), coarse)
    yield ReadField(code, int(code.max()).bit_length(), late + 1, spare)
    if lane.inverts and lane.is_late:
        yield ReadField(negative, 1, late + 1, spare)


@counted.register
def _(part: L1Lanes) -> Counted:
    source, weight = part.source, part._weight
    terms = source.taps * part._channels
    shared = compressor([part._hi] * terms, part.sum_width, part._levels)
    shared += Counted(ff=terms * source.width)
    if part._base:
        shared += luts(offset_bits=terms)
    total = Counted()
    for _ in range(part._blocks):
        total += shared
    fields: list[ReadField] = []
    mask = (1 << source.width) - 1
    for p in range(part.outputs):
        bits = part._bits[p].ravel()
        held = bits[bits > 0]
        highest = [(1 << int(width)) - 1 for width in held]
        total += Counted(ff=int(held.sum())) + compressor(highest, part.sum_width, part._levels)
        tables = mask - weight[:, p].reshape(len(weight), -1).T[bits > 0]
        fields += [ReadField(table, source.width, 0, SPARE, True) for table in tables]
        total += luts(sum_bits=sum(highest).bit_length())
    total += Counted(ff=part.outputs * part.sum_width) + luts(difference_bits=_differences(part))
    return total + field_rom(fields, part._steps, part._style)


def _differences(part: L1Lanes) -> int:
    """LUTs that take in the weights' bits: one for each input bit and each column that it meets.

    Where a weight's bit is always 0, the carries pass the input's own.
    """
    width = part.source.width
    tables = (1 << width) - 1 - part._weight
    found = 0
    for block in np.split(np.arange(part.outputs), part._blocks):
        for place in np.ndindex(*part._bits.shape[1:]):
            met = [tables[(slice(None), p, *place)] for p in block if part._bits[(p, *place)]]
            if met:
                found += sum(_columns_of_bit(np.array(met), bit) for bit in range(width))
    return found


def _columns_of_bit(tables: np.ndarray, bit: int) -> int:
    """Different columns that are not all 0, of ``tables`` ``(outputs, steps)``."""
    columns = {line.tobytes() for line in (tables >> bit & 1).astype(bool) if line.any()}
    return len(columns)


@counted.register
def _(part: PoolLanes) -> Counted:
    source = part.source
    if part._kind == "sum":
        each = plain_tree(source.lo, source.hi, source.taps)
    else:
        each = _max_tree(source.taps, source.width)
    each += Counted(ff=source.taps * source.width)
    total = Counted()
    for _ in range(part.outputs):
        total += each
    return total


def _max_tree(terms: int, width: int) -> Counted:
    ff = 0
    left = terms
    while left > 1:
        left = -(-left // 2)
        ff += left * width
    return luts(max_bits=(terms - 1) * width) + Counted(ff=ff)
