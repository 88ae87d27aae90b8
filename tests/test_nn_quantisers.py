"""DeepShift's rounding of weights and activations against its definition."""

import math

import pytest
import torch

from slipstick.nn import shift_weight_ps, shift_weight_q
from slipstick.nn.quantisers import fixed_point, lowest_exponent


def test_lowest_exponents_of_the_released_code():
    assert [lowest_exponent(bits, "q") for bits in (5, 4, 3, 2)] == [-15, -7, -3, -1]
    assert [lowest_exponent(bits, "ps") for bits in (5, 4, 3, 2)] == [-14, -6, -2, 0]


@pytest.mark.parametrize("bits", [2, 3, 5, 6, 8, 12])
def test_q_of_many_weights(bits):
    weight = torch.randn(4000, generator=torch.Generator().manual_seed(0)) / 8
    for value, rounded in zip(weight.tolist(), shift_weight_q(weight, bits).tolist(), strict=True):
        magnitude = min(max(abs(value), 2.0 ** lowest_exponent(bits, "q")), 1.0)
        exponent = round(math.log2(magnitude))
        assert rounded == math.copysign(2.0**exponent, value)


def test_q_keeps_zero_and_every_power_of_two():
    assert shift_weight_q(torch.tensor([0.0, -0.0]), 5).tolist() == [0.0, 0.0]
    for bits in (5, 8):
        lowest = lowest_exponent(bits, "q")
        powers = torch.tensor([s * 2.0**p for p in range(lowest, 1) for s in (1, -1)])
        assert torch.equal(shift_weight_q(powers, bits), powers)


def test_q_clamps_to_what_the_bits_hold():
    weight = torch.tensor([7.0, -1.5, 1e-9, -1e-9])
    assert shift_weight_q(weight, 3).tolist() == [1.0, -1.0, 2.0**-3, -(2.0**-3)]


def test_q_rounds_in_the_logarithm():
    # The threshold is sqrt(2) times a power of two, not 1.5 times.
    below, above = 0.25 * math.sqrt(2) * 0.999, 0.25 * math.sqrt(2) * 1.001
    assert shift_weight_q(torch.tensor([below, above]), 5).tolist() == [0.25, 0.5]


def test_ps_rounds_half_to_even():
    shift = torch.tensor([-0.5, -1.5, -2.5, -3.5, -0.49, 0.3])
    one = torch.ones(6)
    expected = [1.0, 2.0**-2, 2.0**-2, 2.0**-4, 1.0, 1.0]
    assert shift_weight_ps(shift, one, 5).tolist() == expected


def test_ps_signs_are_ternary():
    sign = torch.tensor([0.5, -0.5, 0.51, -0.51, 0.0, 1.7, -3.0])
    expected = [0.0, 0.0, 0.5, -0.5, 0.0, 0.5, -0.5]
    assert shift_weight_ps(torch.full((7,), -1.0), sign, 5).tolist() == expected


def test_ps_of_two_bits_is_ternary():
    sign = torch.tensor([1.0, -1.0, 0.2])
    assert shift_weight_ps(torch.full((3,), -5.0), sign, 2).tolist() == [1.0, -1.0, 0.0]


def test_ps_clamps_the_shift():
    shift = torch.tensor([-90.0, 4.0])
    assert shift_weight_ps(shift, torch.ones(2), 5).tolist() == [2.0**-14, 1.0]


def test_fixed_point_floors_and_loses_the_fraction_of_its_upper_bound():
    x = torch.tensor([0.03, -0.01, 2.99, 3.5, 100.0, -100.0])
    expected = [0.0, -(2.0**-5), 2.96875, 3.0, 3.0, -4.0]
    assert fixed_point(x, 3, 5).tolist() == expected
