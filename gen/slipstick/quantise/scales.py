"""Power-of-two scales with the least squared error."""

import math

import numpy as np
import torch

CANDIDATES = 7
"""Scales tried: from one that covers twice the largest value to ones that clip the tail."""


def format_bounds(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a format."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def round_half_up(value: torch.Tensor) -> torch.Tensor:
    """To the nearest integer, halves upward, as the hardware does."""
    return torch.floor(value + 0.5)


def best_frac(samples: torch.Tensor, bits: int, signed: bool) -> int:
    """Fraction bits with which ``samples`` lose least when put into ``bits`` bits.

    Of equally good ones the coarsest; 0 for samples that are all 0.
    """
    samples = samples.double()
    largest = float(samples.abs().max()) if samples.numel() else 0.0
    if largest == 0.0:
        return 0
    lo, hi = format_bounds(bits, signed)
    covering = math.floor(math.log2(max(hi, 1) / largest))
    errors = []
    for frac in range(covering - 1, covering - 1 + CANDIDATES):
        step = 2.0**-frac
        restored = round_half_up(samples / step).clamp(lo, hi) * step
        errors.append((float((restored - samples).square().mean()), frac))
    return min(errors)[1]


def weight_integers(weight: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    """Signed ``bits``-bit integers and their fraction bits, of least squared error."""
    tensor = torch.from_numpy(weight.astype(float))
    frac = best_frac(tensor.flatten(), bits, True)
    lo, hi = format_bounds(bits, True)
    integers = round_half_up(tensor * 2.0**frac).clamp(lo, hi)
    return integers.numpy().astype(np.int64), frac
