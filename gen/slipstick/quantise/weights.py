"""Float weights as the integers of the graph."""

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from slipstick.errors import SlipstickError
from slipstick.frontend import AdderLayer, FloatMatmul, PlainMatmul, ShiftLayer, TermsLayer
from slipstick.graph import L1Matmul, ShiftMatmul, Tensor
from slipstick.graph.infer import grouped, tap_interval
from slipstick.quantise.csd import csd
from slipstick.quantise.scales import rounded, weight_integers

WIDEST = 32
"""Octaves between a layer's smallest and largest power-of-two weight; DeepShift has 15."""

MANTISSA = 24
"""Bits of a float32's mantissa: sums of powers of two are exact within it."""

Option = Callable[[str], Any]
"""What the configuration says for the layer at hand, by key."""


@singledispatch
def integer_matmul(layer: FloatMatmul, source: Tensor, option: Option) -> ShiftMatmul | L1Matmul:
    """The integer layer of ``layer`` behind tensor ``source``; its bias is left to others."""
    raise TypeError(f"Layer must be a kind with weights, not {type(layer).__name__}")


@integer_matmul.register
def _(layer: PlainMatmul, source: Tensor, option: Option) -> ShiftMatmul:
    weight = layer.weight.numpy()
    if option("weights") == "power-of-two":
        return _shift_matmul(layer, source, *power_of_two_terms(layer.name, weight))
    integers, frac = weight_integers(weight, option("weight_bits"))
    return _shift_matmul(layer, source, csd(integers), frac)


@integer_matmul.register
def _(layer: ShiftLayer, source: Tensor, option: Option) -> ShiftMatmul:
    exact = _shift_matmul(layer, source, *power_of_two_terms(layer.name, layer.weight.numpy()))
    finest = option("product_frac")
    if finest is None:
        return exact
    # Upstream's integer kernels shift each product right, on the grid of their input.
    cut = max(0, source.frac + exact.weight_frac - finest)
    return replace(
        exact,
        exponent=np.where(exact.sign != 0, exact.exponent - cut, 0),
        weight_frac=exact.weight_frac - cut,
    )


@integer_matmul.register
def _(layer: TermsLayer, source: Tensor, option: Option) -> ShiftMatmul:
    weight = layer.weight.numpy().astype(float)
    # Of every weight the finest bit of its mantissa, which has MANTISSA of them.
    mantissa, exponent = np.frexp(weight)
    integers = np.round(mantissa * 2.0**MANTISSA).astype(np.int64)
    finest = exponent - MANTISSA + _trailing_zeros(integers)
    lowest = int(finest[integers != 0].min()) if integers.any() else 0
    return _shift_matmul(layer, source, csd(np.round(weight * 2.0**-lowest)), -lowest)


def _trailing_zeros(integers: np.ndarray) -> np.ndarray:
    """Zero bits below the lowest one; of 0 itself, none."""
    lowest_bit = integers & -integers
    return np.log2(np.maximum(lowest_bit, 1)).astype(np.int64)


def _shift_matmul(
    layer: FloatMatmul, source: Tensor, terms: tuple[np.ndarray, np.ndarray], frac: int
) -> ShiftMatmul:
    exponent, sign = terms
    # The finest digit in use is the accumulator's least significant bit.
    lowest = int(exponent[sign != 0].min()) if sign.any() else 0
    return ShiftMatmul(
        name=layer.name,
        inputs=(source.name,),
        exponent=np.where(sign != 0, exponent - lowest, 0),
        sign=sign,
        weight_frac=frac - lowest,
        bias=np.zeros(len(layer.weight), np.int64),
        window=layer.window,
        groups=layer.groups,
    )


def power_of_two_terms(name: str, weight: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Exponents and signs ``(1, ...)``, one term a weight, and the fraction bits of their grid.

    Raises `SlipstickError` if a weight is neither 0 nor a signed power of two.
    """
    mantissa, exponent = np.frexp(weight.astype(float))
    sign = np.sign(weight).astype(np.int64)
    wrong = (sign != 0) & (np.abs(mantissa) != 0.5)
    if wrong.any():
        raise SlipstickError(
            f"Layer '{name}'",
            f"weights must be 0 or a signed power of two, but {int(wrong.sum())} are not, "
            f"{weight[wrong].flat[0]:g} among them",
            'round them when training or drop weights = "power-of-two" from its table',
        )
    used = exponent[sign != 0] - 1
    lowest, highest = (int(used.min()), int(used.max())) if used.size else (0, 0)
    if highest - lowest > WIDEST:
        raise SlipstickError(
            f"Layer '{name}'",
            f"weights span 2**{lowest} to 2**{highest}, supported are {WIDEST} octaves",
            "set the smallest weights to 0",
        )
    exponent = np.where(sign != 0, exponent - 1 - lowest, 0).astype(np.int64)
    return (exponent[None], sign[None]), -lowest


@integer_matmul.register
def _(layer: AdderLayer, source: Tensor, option: Option) -> L1Matmul:
    """Weights on the input's grid, clipped to what a tap can read.

    For ``x`` in ``[lo, hi]``, ``|x - w| = |x - clip(w)| + |w - clip(w)|``: the second part is a
    constant of the output channel.
    """
    scaled = layer.weight.numpy().astype(float) * 2.0**source.frac
    weight = rounded(layer.name, scaled)
    lo, hi = (
        grouped(end, layer.groups, len(weight))[:, :, None, None]
        for end in tap_interval(source, layer.window)
    )
    clipped = np.clip(weight, lo, hi)
    lost = np.abs(weight - clipped).sum(axis=(1, 2, 3))
    return L1Matmul(
        name=layer.name,
        inputs=(source.name,),
        weight=clipped,
        bias=-lost,
        window=layer.window,
        groups=layer.groups,
    )
