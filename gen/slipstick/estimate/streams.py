# amaranth: UnusedElaboratable=no
"""What stands between engines: FIFOs, forks, regroupings, joins, gates, frames."""

import numpy as np

from slipstick.estimate.constants import ReadField, field_rom
from slipstick.estimate.counted import Counted, bits_of, counter, luts
from slipstick.estimate.delays import delay
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
from slipstick.rtl_templates.join import AddStreams, ConcatStreams
from slipstick.rtl_templates.join_stage import JoinStage
from slipstick.rtl_templates.regroup import Regroup, _period
from slipstick.rtl_templates.weight_rom import FieldRom


@counted.register
def _(part: Fifo) -> Counted:
    bits, depth = part._bits, part._depth
    if depth == 1:
        return Counted(ff=bits + 1) + luts(constant_fifo=1)
    if depth == 2:
        return Counted(ff=2 * bits + 2) + luts(fifo_pair_bits=bits, constant_fifo=1)
    inner = depth - 1
    pointer, level = bits_of(inner), inner.bit_length()
    counters = luts(fifo_counter_bits=2 * pointer + level, constant_fifo=1)
    return Counted(ff=2 * pointer + level + 1) + counters + memory(bits, inner, 1, None)


@counted.register
def _(part: Credits) -> Counted:
    bits = part.count.bit_length()
    return Counted(ff=bits) + luts(credit_bits=bits)


@counted.register
def _(part: Fork) -> Counted:
    return Counted(ff=part._outputs) + luts(fork_outputs=part._outputs)


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
    total += luts(select_bits=(max(source) - 1) * run, constant_regroup=1)
    if min(target) < slots:
        total += luts(hold_bits=(slots - 1) * run)
    for counts in (source, target):
        period = counts[: _period(counts)]
        bits = bits_of(max(counts)) + bits_of(len(period))
        total += Counted(ff=bits) + luts(regroup_counter_bits=bits, enable_slots=max(counts) - 1)
    return total


@counted.register
def _(part: AddStreams) -> Counted:
    low = max(branch.shift for branch in part._branches)
    always_zero = min(branch.shift for branch in part._branches)
    bits = part._lanes * part.out_width
    added = part._lanes * (part.out_width - low)
    return Counted(ff=bits - part._lanes * always_zero + 1) + luts(join_bits=added, constant_join=1)


@counted.register
def _(part: ConcatStreams) -> Counted:
    bits = bits_of(len(part._beats)) + bits_of(max(part._beats))
    chosen = part._lanes * part._out_width
    selects = {
        f"concat_{len(part._beats)}_bits": chosen,
        "counter_bits": bits,
        "constant_join": len(part._beats),
    }
    return Counted(ff=bits, features=selects)


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
    return counted(affine) + registers + fifo + counted(Credits(depth)) + luts(constant_affine=1)


@counted.register
def _(part: GateStream) -> Counted:
    p = part._parameters
    shift = p.lanes * part._shift_bits
    table = memory(shift, BANKS << bits_of(p.beats), 1, "distributed", registered=False)
    counters = 2 * bits_of(p.beats) + bits_of(p.pixels) + 2 + 2
    ff = counters + shift + len(part.i0.payload) + len(part.o.payload) + 2
    gate = luts(
        threshold_bits=p.lanes * len(p.thresholds) * p.z_width,
        gate_bits=p.lanes * part.out_width * part._shift_bits,
        counter_bits=counters,
        constant_join=1,
    )
    return table + gate + Counted(ff=ff)


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
    ff += width + index + 1 + bits_of(beats) + 2 * depth + 1
    total = field_rom(fields, beats) + Counted(ff=ff)
    total += delay(1, depth) + Counted(ff=lanes * width * FieldRom.AHEAD)
    total += counted(Credits(places)) + counted(Fifo(index, places))
    return total + luts(contest_bits=lanes * (width + index), counter_bits=bits_of(beats))
