"""A real affine function as the integer node that stands for it."""

import math

import numpy as np
import torch

from slipstick.graph import Affine, Tensor
from slipstick.quantise.chain import Chain
from slipstick.quantise.csd import csd, nearest_with_terms
from slipstick.quantise.scales import best_frac, format_bounds

LARGEST_MULTIPLIER_BITS = 12
"""Bits of the largest multiplier where scales differ much between channels."""


def requantise(
    name: str, source: Tensor, chain: Chain, samples: torch.Tensor, bits: int, terms: int
) -> Affine:
    """The affine that brings ``source`` through ``chain`` into ``bits`` bits.

    Parameters
    ----------
    samples : values of the chain's end on calibration images; they choose its grid.
    terms : signed powers of two a multiplier may have.
    """
    signed = _reaches_below_zero(source, chain)
    lo, hi = format_bounds(bits, signed)
    if chain.floor_frac is not None:
        frac = chain.floor_frac
        lo, hi = format_bounds(32, True)
    elif _fits_as_it_is(source, chain, lo, hi):
        frac = source.frac
    else:
        frac = best_frac(samples, bits, signed)
    ratio = chain.scale.numpy() * 2.0 ** (frac - source.frac)
    shift, multiplier = _multipliers(ratio, source, terms)
    exact = ratio * 2.0**shift
    offset = chain.offset.numpy() * 2.0 ** (frac + shift)
    if chain.mean is not None:
        # Rounding the multiplier must not move the channel's mean.
        offset = offset + (exact - multiplier) * chain.mean.numpy() * 2.0**source.frac
    exponent, sign = csd(multiplier)
    return Affine(
        name=name,
        inputs=(source.name,),
        exponent=exponent,
        sign=sign,
        bias=np.floor(offset + 0.5).astype(np.int64),
        shift=shift,
        lo=_bound(chain.lo, frac, lo, hi),
        hi=_bound(chain.hi, frac, lo, hi),
        frac=frac,
        rounding="half_up" if chain.floor_frac is None else "floor",
    )


def _bound(value: float, frac: int, lo: int, hi: int) -> int:
    if not math.isfinite(value):
        return lo if value < 0 else hi
    return min(max(math.floor(value * 2.0**frac + 0.5), lo), hi)


def _reaches_below_zero(source: Tensor, chain: Chain) -> bool:
    if chain.lo >= 0:
        return False
    scale, offset = chain.scale.numpy(), chain.offset.numpy()
    ends = [end * 2.0**-source.frac * scale + offset for end in (source.lo, source.hi)]
    return bool(min(end.min() for end in ends) < 0)


def _fits_as_it_is(source: Tensor, chain: Chain, lo: int, hi: int) -> bool:
    """Whether only bounds are applied, to integers that already fit the format."""
    unscaled = bool((chain.scale == 1).all() and (chain.offset == 0).all())
    low = max(int(source.lo.min()), _bound(chain.lo, source.frac, -(1 << 62), 1 << 62))
    return unscaled and low >= lo and int(source.hi.max()) <= hi


def _multipliers(ratio: np.ndarray, source: Tensor, terms: int) -> tuple[int, np.ndarray]:
    """Shift ``s`` and integers near ``ratio * 2**s`` of at most ``terms`` digits."""
    magnitude = np.abs(ratio)
    mantissa, exponent = np.frexp(magnitude)
    if ((mantissa == 0.5) | (magnitude == 0)).all():
        used = exponent[magnitude > 0] - 1
        shift = max(0, -int(used.min())) if used.size else 0
        return shift, np.rint(ratio * 2.0**shift).astype(np.int64)
    # Channels that move their output by less than one step may be off by as much.
    reach = np.maximum(np.abs(source.lo), np.abs(source.hi)) * magnitude
    relevant = magnitude[reach >= 1.0] if (reach >= 1.0).any() else magnitude[magnitude > 0]
    wanted = terms + 1 - math.floor(math.log2(relevant.min()))
    allowed = LARGEST_MULTIPLIER_BITS - math.ceil(math.log2(magnitude.max()))
    shift = max(0, min(wanted, allowed))
    return shift, nearest_with_terms(ratio * 2.0**shift, terms)
