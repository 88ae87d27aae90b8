"""How DeepShift rounds weights and activations (Elhoushi et al. 2021, and its released code)."""

import math

import torch


def lowest_exponent(weight_bits: int, method: str) -> int:
    """The smallest exponent that ``weight_bits`` can hold: -15 for "q", -14 for "ps" with 5 bits.

    PS gives one code of the exponent to the weight zero.
    """
    return -(2 ** (weight_bits - 1) - 1) + (method == "ps")


def shift_weight_q(weight: torch.Tensor, weight_bits: int) -> torch.Tensor:
    """DeepShift-Q's effective weights: ``sign(w) * 2^round_half_even(log2 |w|)``, zero stays zero.

    Parameters
    ----------
    weight : real weights of any shape; ``|w|`` is first clamped to ``[2^lo, 1]``.
    weight_bits : sign and exponent together, at least 2.

    Returns
    -------
    Exact signed powers of two in the same floating type.
    """
    magnitude = clamp_weight_q(weight, weight_bits).abs()
    # Logarithm and division in the weight's own type, as upstream: it decides the ties.
    exponent = torch.round(torch.log(magnitude) / math.log(2))
    return torch.exp2(exponent) * torch.sign(weight)


def clamp_weight_q(weight: torch.Tensor, weight_bits: int) -> torch.Tensor:
    """``weight`` with ``|w|`` in ``[2^lo, 1]``; zero stays zero."""
    smallest = 2.0 ** lowest_exponent(weight_bits, "q")
    return torch.sign(weight) * weight.abs().clamp(smallest, 1.0)


def shift_weight_ps(shift: torch.Tensor, sign: torch.Tensor, weight_bits: int) -> torch.Tensor:
    """DeepShift-PS's effective weights: ``sign(round(sign)) * 2^round(clamp(shift, lo, 0))``.

    Rounding is half to even, so that a weight is zero where ``|sign| <= 0.5``.

    Parameters
    ----------
    shift, sign : real parameters of equal, arbitrary shape.
    weight_bits : zero code, sign and exponent together, at least 2.

    Returns
    -------
    Exact signed powers of two, or zeros, in the same floating type.
    """
    exponent = torch.round(shift.clamp(lowest_exponent(weight_bits, "ps"), 0))
    return torch.exp2(exponent) * torch.sign(torch.round(sign))


def fixed_point(x: torch.Tensor, integer_bits: int, fraction_bits: int) -> torch.Tensor:
    """``x`` floored to multiples of ``2^-f`` and clamped to ``[-2^(I-1), 2^(I-1) - 1]``.

    The upper bound has no fraction: upstream's rule, with which its accuracies were measured.
    """
    bound = 2.0 ** (integer_bits - 1)
    scale = 2.0**fraction_bits
    return (torch.floor(x * scale) / scale).clamp(-bound, bound - 1)


def half_even(x: torch.Tensor, fraction_bits: int) -> torch.Tensor:
    """``x`` as the nearest multiples of ``2^-f``, halves to the even one; unbounded."""
    scale = 2.0**fraction_bits
    return torch.round(x * scale) / scale
