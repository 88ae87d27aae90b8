"""Canonical signed digits: integers as the fewest signed powers of two."""

import numpy as np


def csd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponents and signs ``(T, ...)`` with ``values = sum_t sign << exponent``.

    The non-adjacent form (Reitwiesner 1960): no two neighbouring digits, and so the fewest.
    The largest digit comes first; ``T`` is what the worst value needs, at least 1.
    """
    rest = np.abs(values.astype(np.int64))
    exponents, signs = [], []
    position = 0
    while rest.any():
        # A run of ones becomes +1 above it and -1 at its end: digit = 2 - (rest mod 4).
        digit = np.where(rest & 1, 2 - (rest & 3), 0)
        exponents.append(np.full(values.shape, position, np.int64))
        signs.append(digit * np.sign(values).astype(np.int64))
        rest = (rest - digit) >> 1
        position += 1
    if not exponents:
        zero = np.zeros((1, *values.shape), np.int64)
        return zero, zero
    return _largest_first(np.stack(exponents), np.stack(signs))


def _largest_first(exponent: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Digits other than 0 in front, the largest first, as few planes as the worst value needs."""
    key = np.where(sign != 0, -exponent, 1)
    order = np.argsort(key, axis=0, kind="stable")
    terms = max(1, int((sign != 0).sum(axis=0).max()))
    exponent, sign = (np.take_along_axis(a, order, axis=0)[:terms] for a in (exponent, sign))
    return np.where(sign != 0, exponent, 0), sign


def nearest_with_terms(values: np.ndarray, terms: int) -> np.ndarray:
    """The integers nearest to real ``values`` that have at most ``terms`` signed digits.

    Digit by digit the nearest signed power of two of what is left; that is optimal for the
    non-adjacent form.
    """
    result = np.zeros(values.shape, np.int64)
    rest = values.astype(float)
    for _ in range(terms):
        magnitude = np.abs(rest)
        safe = np.maximum(magnitude, 0.5)
        # Between 2**k and 2**(k+1) the middle is 1.5 * 2**k.
        exponent = np.floor(np.log2(safe / 0.75)).astype(np.int64)
        digit = np.where(magnitude >= 0.5, np.sign(rest) * 2.0 ** np.maximum(exponent, 0), 0)
        result += digit.astype(np.int64)
        rest = rest - digit
    return result
