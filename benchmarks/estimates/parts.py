"""Components of the sweep. Each has random numbers of its own, whatever stands before it."""

import numpy as np

from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine, AffineConstants
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.moved_reader import MovedReader
from slipstick.rtl_templates.moved_walk import LaneMoves, moved_walk
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.weight_rom import RomStyle
from slipstick.rtl_templates.window_reader import WindowReader
from slipstick.rtl_templates.window_walk import WindowWalk

SEED = 1


def words(taps: int, lanes: int, width: int, signed: bool) -> LaneInput:
    """Channels of any value."""
    ends = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    return LaneInput(taps, lanes, width, signed, *ends)


def shift_lanes(
    shape: tuple[int, ...],
    width: int,
    signed: bool,
    exponents: int,
    style: RomStyle | None = None,
) -> ShiftLanes:
    """Random weights of ``exponents`` exponents, a tenth of them 0; ``(steps, P, Q, S, T)``."""
    rng = np.random.default_rng(SEED)
    exponent = rng.integers(0, exponents, shape)
    sign = rng.choice([-1, 1, 0], shape, p=[0.45, 0.45, 0.1])
    return ShiftLanes(words(shape[2], shape[3], width, signed), exponent, sign, style)


def l1_lanes(shape: tuple[int, ...], width: int, signed: bool) -> L1Lanes:
    """Random weights; ``(steps, P, Q, S)``."""
    rng = np.random.default_rng(SEED)
    source = words(shape[2], shape[3], width, signed)
    return L1Lanes(source, rng.integers(source.lo, source.hi + 1, shape))


def affine(lanes: int, beats: int, terms: int, width: int, floor: bool = False) -> Affine:
    """Random scales of ``terms`` terms and biases; 8 bits leave it."""
    rng = np.random.default_rng(SEED)
    constants = AffineConstants(
        exponent=rng.integers(0, 8, (terms, beats, lanes)),
        sign=rng.choice([-1, 1], (terms, beats, lanes)),
        bias=rng.integers(-(1 << width + 5), 1 << width + 5, (beats, lanes)),
        shift=width - 1,
        lo=0,
        hi=255,
        rounding="floor" if floor else "half_up",
        real=np.ones((beats, lanes), bool),
        saturates=(False, True),
    )
    return Affine(lanes, -(1 << width - 1), (1 << width - 1) - 1, constants, 8)


def walk(
    size: int, in_words: int, kernel: int, stride: int, taps: int, beats: int, padding: int
) -> WindowWalk:
    """A square window whose beats all read every word."""
    return WindowWalk(
        size, size, in_words, (kernel, kernel), (stride, stride), (padding,) * 4, (1, 1),
        taps, beats, in_words, beats,
    )  # fmt: skip


def sparse_reader(kept: float) -> WindowReader:
    """A 3x3 window of 8 words of which a share of the steps is ``kept``."""
    rng = np.random.default_rng(SEED)
    full = walk(14, 8, 3, 1, 1, 8, 1)
    steps = np.arange(full.beats * full.steps_per_beat)
    # The first step of each beat stays, since every beat needs one.
    gone = (rng.random(len(steps)) > kept) & (steps % full.steps_per_beat > 0)
    fields = {name: getattr(full, name) for name in full.__dataclass_fields__}
    skipped = tuple(int(step) for step in steps[gone])
    return WindowReader(WindowWalk(**{**fields, "skipped": skipped}), 4, 8)


def engine(lanes: LaneArray, size: int, kernel: int, beats: int, affine_terms: int) -> Engine:
    """``lanes`` with all around them."""
    source = lanes.source
    order = walk(size, 1, kernel, 1, source.taps, beats, kernel // 2)
    reader = WindowReader(order, source.lanes, source.width)
    reach = max(-lanes.sum_lo, lanes.sum_hi) * len(order.kept) // beats
    totals = Accumulate(lanes.outputs, lanes.sum_width, lanes.sum_lo < 0, -reach, reach)
    after = affine(lanes.outputs, beats, affine_terms, totals.width)
    return Engine(reader, lanes, totals, after, 8)


def moved_reader(size: int, in_words: int, lanes: int, reach: int) -> MovedReader:
    """Lanes moved at random by up to ``reach``, each the same in every word."""
    rng = np.random.default_rng(SEED)
    shape = (in_words, lanes)
    dy, dx = (np.broadcast_to(rng.integers(-reach, reach + 1, lanes), shape) for _ in range(2))
    moves = LaneMoves(
        np.broadcast_to(np.arange(in_words)[:, None], shape),
        np.broadcast_to(np.arange(lanes), shape), dy, dx,
    )  # fmt: skip
    order = moved_walk(size, size, in_words, (1, 1), 4, in_words, 4, moves, "zero")
    return MovedReader(order, lanes, 8)
