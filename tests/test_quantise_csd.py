"""Signed digits: exact, minimal, and nearest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstick.quantise.csd import csd, nearest_with_terms
from slipstick.quantise.multipliers import SPAN, multipliers

INTEGERS = st.lists(st.integers(-(1 << 40), 1 << 40), min_size=1, max_size=20)


def restored(exponent, sign):
    return (sign << exponent).sum(axis=0)


@given(INTEGERS)
def test_reconstruction_is_exact(values):
    values = np.array(values)
    exponent, sign = csd(values)
    assert (restored(exponent, sign) == values).all()
    assert exponent.shape == sign.shape == (len(sign), *values.shape)
    assert set(np.unique(sign)) <= {-1, 0, 1}
    assert exponent.min() >= 0


@given(INTEGERS)
def test_no_two_neighbouring_digits(values):
    exponent, sign = csd(np.array(values))
    for column in range(len(values)):
        used = np.sort(exponent[sign[:, column] != 0, column])
        assert (np.diff(used) >= 2).all()


@given(INTEGERS)
def test_largest_digit_first_and_no_empty_plane(values):
    exponent, sign = csd(np.array(values))
    used = sign != 0
    assert (np.diff(np.where(used, exponent, -1), axis=0) <= 0).all()
    assert used.any(axis=tuple(range(1, sign.ndim))).all() or not used.any()


def test_fewest_digits():
    """Against the fewest digits found by trying all sums."""
    fewest = {0: 0}
    for count in range(1, 6):
        for value in list(fewest):
            for power in range(11):
                for digit in (1 << power, -(1 << power)):
                    fewest.setdefault(value + digit, count)
    values = np.arange(-300, 301)
    _, sign = csd(values)
    assert (np.abs(sign).sum(axis=0) == [fewest[int(v)] for v in values]).all()


def test_shapes_of_any_rank():
    values = np.arange(-12, 12).reshape(2, 3, 4)
    exponent, sign = csd(values)
    assert exponent.shape[1:] == values.shape
    assert (restored(exponent, sign) == values).all()


@pytest.mark.parametrize("terms", [1, 2, 3, 4])
def test_nearest_with_terms(terms):
    """Against all sums of so many powers of two."""
    sums = {0}
    for _ in range(terms):
        powers = [sign << power for power in range(9) for sign in (1, -1)]
        sums |= {value + power for value in sums for power in powers}
    possible = np.array(sorted(sums))
    rng = np.random.default_rng(terms)
    values = np.concatenate([np.arange(-130.0, 130.0), rng.uniform(-128, 128, 500)])
    found = nearest_with_terms(values, terms)
    best = np.abs(possible[:, None] - values).min(axis=0)
    np.testing.assert_allclose(np.abs(found - values), best, atol=1e-9)
    assert np.abs(csd(found)[1]).sum(axis=0).max() <= terms


ALL = np.ones(3, bool)


def test_powers_of_two_are_exact():
    ratio = np.array([2.0, -0.25, 2.0**-9])
    shift, m = multipliers(ratio, ALL, 1)
    assert shift == 9
    assert (m / 2.0**shift == ratio).all()


def test_zero_scales():
    assert multipliers(np.zeros(3), ALL, 2)[0] == 0
    shift, m = multipliers(np.array([0.0, 0.5, 0.3]), ALL, 2)
    assert m[0] == 0
    assert m[1] / 2**shift == 0.5


@given(st.lists(st.floats(2.0**-16, 2.0**4), min_size=1, max_size=8), st.integers(1, 4))
def test_multipliers_stay_near_and_small(values, terms):
    ratio = np.array(values)
    top = ratio.max()
    relevant = ratio >= top / 64
    shift, m = multipliers(ratio, relevant, terms)
    assert np.abs(csd(m)[1]).sum(axis=0).max() <= terms or (np.frexp(ratio)[0] == 0.5).all()
    assert m.max() < 2 ** (SPAN + 1) or (np.frexp(ratio)[0] == 0.5).all()
    # The worst case of T digits: a third of 1, 1/11, 1/43 ...
    worst = [1 / 3, 1 / 11, 1 / 43, 1 / 171][terms - 1] + 2.0 ** -(2 * terms + 3)
    error = np.abs(m / 2.0**shift - ratio) / ratio
    assert (error[relevant] <= worst + 2.0 ** -(SPAN - 7)).all()


def test_a_reciprocal_of_a_pool():
    shift, m = multipliers(np.full(3, 1 / 49), ALL, 4)
    assert abs(m[0] / 2**shift * 49 - 1) < 2**-9
