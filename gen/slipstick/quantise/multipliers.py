"""Real scales of channels as integers of few signed digits over one power of two."""

import numpy as np

from slipstick.quantise.csd import nearest_with_terms

SPAN = 12
"""Bits from the finest digit to the largest multiplier's top; finer digits cost adder width."""
STILL = 64
"""A channel that never moved counts unless its scale is so many times below the largest."""


def multipliers(ratio: np.ndarray, moves: np.ndarray, terms: int) -> tuple[int, np.ndarray]:
    """``shift`` and int64 ``m`` of at most ``terms`` digits with ``m / 2**shift`` near ``ratio``.

    Signed powers of two are exact. Otherwise the shift is the smallest with which every channel
    is as near as ``terms`` digits allow, but for a part in ``2**(2*terms + 3)``; channels that
    are both still and far smaller than the others do not count.

    Parameters
    ----------
    ratio : real ``(C,)``.
    moves : bool ``(C,)``, channels whose output was seen to move by at least one step.
    """
    magnitude = np.abs(ratio[ratio != 0])
    if not magnitude.size:
        return 0, np.zeros(ratio.shape, np.int64)
    top = int(np.frexp(magnitude.max())[1])
    lowest = int(np.frexp(magnitude.min())[1]) - 1
    if (np.frexp(magnitude)[0] == 0.5).all() and top - lowest <= 2 * SPAN:
        shift = max(0, -lowest)
        return shift, np.rint(ratio * 2.0**shift).astype(np.int64)
    finest = max(0, SPAN - top)
    relevant = (ratio != 0) & (moves | (np.abs(ratio) * STILL >= magnitude.max()))
    allowed = _errors(ratio, finest, terms) + 2.0 ** -(2 * terms + 3)
    for shift in range(finest):
        if (_errors(ratio, shift, terms) <= allowed)[relevant].all():
            return shift, nearest_with_terms(ratio * 2.0**shift, terms)
    return finest, nearest_with_terms(ratio * 2.0**finest, terms)


def _errors(ratio: np.ndarray, shift: int, terms: int) -> np.ndarray:
    """Relative error of each channel's multiplier."""
    exact = ratio * 2.0**shift
    safe = np.where(exact == 0, 1.0, exact)
    return np.abs(nearest_with_terms(exact, terms) / safe - (exact != 0))
