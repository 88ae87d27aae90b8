# amaranth: UnusedElaboratable=no
"""What stands between engines: FIFOs, forks, regroupings, joins, gates, frames."""

from collections.abc import Sequence

import numpy as np

from slipstick.estimate.constants import ReadField, field_rom
from slipstick.estimate.counted import Counted, bits_of, counter, luts, up_down
from slipstick.estimate.delays import delay
from slipstick.estimate.engines import affine_behind
from slipstick.estimate.memories import memory
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.argmax import Argmax
from slipstick.rtl_templates.arithmetic import tree_latency
from slipstick.rtl_templates.credits import ROUND_TRIP, Credits
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker
from slipstick.rtl_templates.gate import BANKS, GateStream
from slipstick.rtl_templates.join import AddStreams, Branch, ConcatStreams
from slipstick.rtl_templates.join_stage import JoinStage
from slipstick.rtl_templates.regroup import Regroup, _period
from slipstick.rtl_templates.weight_rom import FieldRom


@counted.register
def _(part: Fifo) -> Counted:
    bits, depth = part._bits, part._depth
    if depth == 1:
        return Counted(ff=bits + 1) + luts(constant_register=1)
    if depth == 2:
        return Counted(ff=2 * bits + 2) + luts(fifo_pair_bits=bits, constant_pair=1)
    if part.is_late:
        return counted(Fifo(bits, 1)) + _queue(bits, depth - 1)
    return _queue(bits, depth)


def _queue(bits: int, depth: int) -> Counted:
    """The library's FIFO, of which one beat lies in a register behind its memory."""
    inner = depth - 1
    # Each bit has a LUT of its own: the memory's address is what a pointer will be.
    counters = 2 * bits_of(inner) + inner.bit_length()
    wraps = 0 if inner.bit_count() == 1 else 2 * bits_of(inner)
    features = luts(fifo_bits=counters, fifo_wrap_bits=wraps, constant_fifo=1)
    kept = Counted(ff=counters + 1) + features
    return kept + memory(bits, inner, 1, None)


@counted.register
def _(part: Credits) -> Counted:
    return up_down(part.count.bit_length())


@counted.register
def _(part: Fork) -> Counted:
    return Counted(ff=part._outputs) + luts(fork_luts=4 * part._outputs - 3)


@counted.register
def _(part: FrameGuard) -> Counted:
    beats = counter(part._beats)
    return beats + Counted(ff=4) + luts(guard_bits=len(part.o.payload), constant_guard=1)


@counted.register
def _(part: FrameMarker) -> Counted:
    return counter(part._beats) + luts(constant_marker=1)


@counted.register
def _(part: Regroup) -> Counted:
    run = part.run * part._width
    source, target = (
        [len(runs) for runs in layout.runs(part.run)] for layout in (part._source, part._target)
    )
    slots = max(target)
    total = Counted(ff=(slots - 1) * run)
    total += luts(select_bits=run * _choosers(max(source)), constant_regroup=1)
    if slots > 1:
        total += luts(gather_bits=run * _choosing_slots(target), enable_slots=slots - 1)
    for counts in (source, target):
        period = counts[: _period(counts)]
        total += counter(max(counts)) + counter(len(period)) + luts(period_beats=len(period) - 1)
    return total


def _choosers(ways: int) -> int:
    """LUTs that choose one bit among ``ways``: one for up to four, then trees with some waste."""
    return int(ways > 1) if ways <= 4 else -(-3 * (ways - 1) // 7)


def _choosing_slots(target: Sequence[int]) -> int:
    """Slots that are not always what was kept: the last one, and where a beat can end before."""
    slots = range(max(target) - 1)
    return 1 + sum(slot + 1 in target or min(target) <= slot for slot in slots)


@counted.register
def _(part: AddStreams) -> Counted:
    a, b = (_reach(branch, part.out_width) for branch in part._branches)
    # Elsewhere the carries pass the only bit there is; bits that repeat both signs share a LUT.
    added = part._lanes * ((a & b).bit_count() - _repeated(part))
    always_zero = min(branch.shift for branch in part._branches)
    bits = part._lanes * part.out_width
    return Counted(ff=bits - part._lanes * always_zero + 1) + luts(join_bits=added, joins=1)


def _repeated(part: AddStreams) -> int:
    """Upper bits of a sum in which both branches repeat their signs."""
    if not all(branch.signed for branch in part._branches):
        return 0
    return part.out_width - max(branch.width + branch.shift for branch in part._branches)


def _reach(branch: Branch, width: int) -> int:
    """The bits of a sum of ``width`` in which ``branch`` is not always 0."""
    top = width if branch.signed else min(width, branch.width + branch.shift)
    return (1 << top) - (1 << branch.shift)


@counted.register
def _(part: ConcatStreams) -> Counted:
    branches = len(part._beats)
    chosen = part._lanes * part._out_width * _choosers(branches)
    counters = counter(max(part._beats)) + Counted(ff=bits_of(branches))
    return counters + luts(concat_bits=chosen, concat_branches=branches)


@counted.register
def _(part: JoinStage) -> Counted:
    behind = counted(part._affine) if part._affine else Counted()
    return counted(part._join) + behind


@counted.register
def _(part: AffineStage) -> Counted:
    affine = part._affine
    depth = affine.latency + 2 + ROUND_TRIP
    # The beat, two cycles of it, and the flag that says that there is one.
    registers = Counted(ff=2 * len(part.i.payload) + affine.latency + 2)
    fifo = counted(Fifo(part._out_bits, depth))
    return (
        affine_behind(affine, 2)
        + registers
        + fifo
        + counted(Credits(depth))
        + luts(constant_affine=1)
    )


@counted.register
def _(part: GateStream) -> Counted:
    p = part._parameters
    shift = p.lanes * part._shift_bits
    table = memory(shift, BANKS << bits_of(p.beats), 1, "distributed", registered=False)
    counters = counter(p.beats) + counter(p.beats) + counter(p.pixels)
    ff = 2 + 2 + shift + len(part.i0.payload) + len(part.o.payload) + 2
    gate = luts(
        threshold_bits=p.lanes * len(p.thresholds) * p.z_width,
        gate_bits=p.lanes * part.out_width * part._shift_bits,
        constant_gate=1,
    )
    return table + counters + gate + Counted(ff=ff)


@counted.register
def _(part: Argmax) -> Counted:
    layout, width, index = part._layout, part._width, part._index_bits
    lanes, beats = layout.lanes, len(layout.beats)
    depth = FieldRom.AHEAD + tree_latency(lanes)
    places = -(-(depth + 1 + ROUND_TRIP) // beats) + 1
    carried = np.array(layout.beats).T
    fields = [ReadField(np.maximum(column, 0), index) for column in carried]
    fields += [ReadField((column >= 0).astype(np.int64), 1) for column in carried]
    contenders, ff = lanes, 0
    while contenders > 1:
        contenders = -(-contenders // 2)
        ff += contenders * (width + index + 1)
    ff += width + index + 1 + 2 * depth + 1
    total = field_rom(fields, beats) + Counted(ff=ff)
    total += delay(1, depth) + Counted(ff=lanes * width * FieldRom.AHEAD)
    total += counted(Credits(places)) + counted(Fifo(index, places)) + counter(beats)
    return total + luts(contest_bits=lanes * (width + index), constant_argmax=1)
