# amaranth: UnusedElaboratable=no
"""Engines: a reader, lanes, accumulators, an affine, and what moves results on."""

import numpy as np

from slipstick.estimate.constants import ReadField, field_rom
from slipstick.estimate.counted import LUT_INPUTS, Counted, luts
from slipstick.estimate.delays import delay
from slipstick.estimate.lanes import shift_lanes
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine
from slipstick.rtl_templates.credits import ROUND_TRIP, Credits
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.row_ring import RowRing
from slipstick.rtl_templates.single_step import SingleStep


@counted.register
def _(part: Engine) -> Counted:
    reader, lanes, accumulate, affine = part._reader, part._lanes, part._accumulate, part._affine
    behind = 2 + (affine.latency if affine else 0)
    # Valid, first and last go along with the step; in the reader, first is a shift register.
    flags = Counted(ff=3 * lanes.latency - 1 + behind) + delay(1, RowRing.LATENCY)
    depth = -(-(part.latency + ROUND_TRIP) // reader.walk.shortest_beat) + 1
    fifo = Fifo(lanes.outputs * part._out_width, depth)
    parts = [reader, lanes, accumulate, fifo, Credits(depth), *([affine] if affine else [])]
    return sum((counted(each) for each in parts), flags)


@counted.register
def _(part: Accumulate) -> Counted:
    bits = part._lanes * part.width
    feature = "accumulate_max_bits" if part._kind == "max" else "accumulate_bits"
    return Counted(ff=bits, features={feature: bits})


@counted.register
def _(part: SingleStep) -> Counted:
    return Counted(ff=part._lanes * part.width)


@counted.register
def _(part: Affine) -> Counted:
    return affine_behind(part, 0)


def affine_behind(part: Affine, registers: int) -> Counted:
    """`Affine` whose beats come behind ``registers``, which are counted where they stand."""
    c, terms, lanes = part._constants, part._terms, part._lanes
    words = {(0, lane): registers for lane in range(lanes)}
    total = shift_lanes(terms, words) + Counted(ff=lanes * part._out_width + int(any(c.saturates)))
    if c.rounding != "half_even":
        # Of the bits that are cut off nothing is left but their carry.
        total += Counted(ff=-lanes * min(c.shift, terms.sum_width - 1))
    lo, hi = terms.sum_lo >> c.shift, terms.sum_hi >> c.shift
    bounds = (hi > c.hi, c.saturates[1]), (lo < c.lo, c.saturates[0])
    reached = sum(beyond for beyond, _ in bounds)
    # A value lies beyond where the bits above the output differ, below 0 by its sign alone; one
    # bound is the register's reset.
    compared = (hi > c.hi) + (lo < c.lo != 0)
    lost = lanes * sum(beyond and saturates for beyond, saturates in bounds)
    above = max(0, terms.sum_width - c.shift - part._out_width)
    total += luts(
        clamp_bits=lanes * part._out_width * max(0, reached - 1),
        compare_luts=lanes * compared * -(-above // LUT_INPUTS),
        losses=-(-lost // (LUT_INPUTS - 1)),
        ties=lanes * terms.sum_width if c.rounding == "half_even" and c.shift else 0,
    )
    real = [ReadField(column.astype(np.int64), 1) for column in c.real.T]
    needed = not (c.lo <= 0 <= c.hi) or bool(c.bias[~c.real].any())
    return total + (field_rom(real, len(c.bias)) if needed else Counted())
