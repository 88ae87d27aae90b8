"""Power-of-two scales with the least squared error, and rounding to them."""

import math

import numpy as np
import torch

from slipstick.errors import SlipstickError
from slipstick.graph.tensor import INT64_SAFE_BITS

FINEST = 6
"""Scales tried: one that covers twice the largest value, and so many finer ones that clip."""


def format_bounds(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a format."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def best_frac(samples: torch.Tensor, bits: int, signed: bool) -> int:
    """Fraction bits with which ``samples`` lose least when put into ``bits`` bits.

    Of equally good ones the coarsest; for samples that are all 0, those that cover 1.
    """
    samples = samples.double()
    largest = float(samples.abs().max()) if samples.numel() else 0.0
    lo, hi = format_bounds(bits, signed)
    covering = math.floor(math.log2(hi / (largest or 1.0)))
    if largest == 0.0:
        return covering
    errors = []
    for frac in range(covering - 1, covering + FINEST):
        step = 2.0**-frac
        restored = torch.floor(samples / step + 0.5).clamp(lo, hi) * step
        errors.append((float((restored - samples).square().mean()), frac))
    return min(errors)[1]


def rounded(layer: str, values: np.ndarray) -> np.ndarray:
    """Real ``values`` as int64, halves rounded up.

    Raises `SlipstickError` naming ``layer`` where they exceed what the golden model holds.
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not largest < 2.0**INT64_SAFE_BITS:
        raise SlipstickError(
            f"Layer '{layer}'",
            f"its parameters need integers of 2**{math.log2(largest):.0f}, the golden model "
            f"holds {INT64_SAFE_BITS} bits",
            "look for exploded weights or statistics in this layer",
        )
    return np.floor(values + 0.5).astype(np.int64)


def weight_integers(weight: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    """Signed ``bits``-bit integers and their fraction bits, of least squared error."""
    frac = best_frac(torch.from_numpy(weight).flatten(), bits, True)
    integers = np.floor(weight.astype(float) * 2.0**frac + 0.5)
    return np.clip(integers, *format_bounds(bits, True)).astype(np.int64), frac
