"""A real affine function as the integer node that stands for it."""

import math
from dataclasses import dataclass

import numpy as np

from slipstick.graph import Affine, Rounding, Tensor
from slipstick.quantise.chain import Chain
from slipstick.quantise.csd import csd
from slipstick.quantise.multipliers import multipliers
from slipstick.quantise.observe import Observation
from slipstick.quantise.scales import best_frac, format_bounds, rounded


@dataclass(frozen=True)
class Grid:
    """Where the result lies: its fraction bits, the format's bounds, and how it gets there."""

    frac: int
    lo: int
    hi: int
    rounding: Rounding = "half_up"

    def bound(self, value: float) -> int:
        """A real bound as the nearest integer within the format."""
        if math.isinf(value):
            return self.lo if value < 0 else self.hi
        return min(max(math.floor(value * 2.0**self.frac + 0.5), self.lo), self.hi)


def requantise(
    name: str, source: Tensor, chain: Chain, result: Observation, bits: int, terms: int
) -> Affine:
    """The affine that brings ``source`` through ``chain`` into ``bits`` bits.

    Parameters
    ----------
    result : the chain's end on calibration images; it chooses the grid.
    terms : signed powers of two a multiplier may have.
    """
    grid = _grid(source, chain, result, bits)
    ratio = chain.scale.numpy() * 2.0 ** (grid.frac - source.frac)
    moves = ((result.high - result.low) * 2.0**grid.frac >= 1).numpy()
    shift, multiplier = multipliers(ratio, moves, terms)
    offset = chain.offset.numpy() * 2.0 ** (grid.frac + shift)
    if chain.mean is not None:
        # What rounding the multiplier changes, is undone at the channel's mean.
        mean = chain.mean.numpy() * 2.0**source.frac
        offset = offset + (ratio * 2.0**shift - multiplier) * mean
    exponent, sign = csd(multiplier)
    return Affine(
        name=name,
        inputs=(source.name,),
        exponent=exponent,
        sign=sign,
        bias=rounded(chain.names[0], offset),
        shift=shift,
        lo=grid.bound(chain.lo),
        hi=grid.bound(chain.hi),
        frac=grid.frac,
        rounding=grid.rounding,
    )


def _grid(source: Tensor, chain: Chain, result: Observation, bits: int) -> Grid:
    lo, hi = format_bounds(bits, _reaches_below_zero(source, chain))
    if _fits_as_it_is(source, chain, lo, hi):
        return Grid(source.frac, lo, hi)
    if chain.frac is not None and chain.must_reach:
        bits = max(bits, _room(result, chain.frac, lo < 0))
        return Grid(chain.frac, *format_bounds(bits, lo < 0), chain.rounding)
    frac = best_frac(result.samples, bits, lo < 0)
    if chain.frac is None or frac < chain.frac:
        return Grid(frac, lo, hi)
    return Grid(chain.frac, lo, hi, chain.rounding)


def _room(result: Observation, frac: int, signed: bool) -> int:
    """Bits that hold twice what was seen: values without bounds may grow."""
    largest = max(float(result.high.max()), -float(result.low.min()))
    return math.ceil(math.log2(2 * largest * 2.0**frac + 1)) + signed


def _reaches_below_zero(source: Tensor, chain: Chain) -> bool:
    if chain.lo >= 0:
        return False
    scale, offset = chain.scale.numpy(), chain.offset.numpy()
    ends = [end * 2.0**-source.frac * scale + offset for end in (source.lo, source.hi)]
    return bool(np.min(ends) < 0)


def _fits_as_it_is(source: Tensor, chain: Chain, lo: int, hi: int) -> bool:
    """Whether the function only bounds integers that fit the format anyway."""
    unscaled = bool((chain.scale == 1).all() and (chain.offset == 0).all())
    low, high = int(source.lo.min()), int(source.hi.max())
    if chain.lo >= 0:
        low = max(low, 0)
    return unscaled and chain.frac is None and low >= lo and high <= hi
