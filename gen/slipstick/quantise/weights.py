"""Float weights as the integers of the graph."""

from functools import singledispatch

import numpy as np

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import AdderLayer, FloatMatmul, PlainMatmul, ShiftLayer
from slipstick.graph import L1Matmul, Node, ShiftMatmul, Tensor
from slipstick.graph.infer import grouped, tap_interval
from slipstick.quantise.csd import csd
from slipstick.quantise.scales import weight_integers


@singledispatch
def integer_matmul(layer: FloatMatmul, source: Tensor, config: Config) -> Node:
    """The integer layer of ``layer`` behind tensor ``source``; its bias is left to the affine."""
    raise TypeError(f"Layer must be a kind with weights, not {type(layer).__name__}")


def _shift_matmul(
    layer: FloatMatmul, source: Tensor, terms: tuple[np.ndarray, np.ndarray], frac: int
) -> ShiftMatmul:
    exponent, sign = terms
    # The finest digit in use is the accumulator's least significant bit.
    used = exponent[sign != 0]
    lowest = int(used.min()) if used.size else 0
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


@integer_matmul.register
def _(layer: PlainMatmul, source: Tensor, config: Config) -> ShiftMatmul:
    weight = layer.weight.detach().numpy()
    if config.option(layer.name, "weights") == "power-of-two":
        return _shift_matmul(layer, source, *power_of_two_terms(layer.name, weight))
    integers, frac = weight_integers(weight, config.option(layer.name, "weight_bits"))
    return _shift_matmul(layer, source, csd(integers), frac)


@integer_matmul.register
def _(layer: ShiftLayer, source: Tensor, config: Config) -> ShiftMatmul:
    weight = layer.weight.detach().numpy()
    return _shift_matmul(layer, source, *power_of_two_terms(layer.name, weight))


def power_of_two_terms(
    name: str, weight: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """One term a weight, and the fraction bits of its grid.

    Raises `SlipstickError` if a weight is neither 0 nor a signed power of two.
    """
    mantissa, exponent = np.frexp(weight.astype(float))
    sign = np.sign(weight).astype(np.int64)
    wrong = (sign != 0) & (np.abs(mantissa) != 0.5)
    if wrong.any():
        example = weight[wrong].flat[0]
        raise SlipstickError(
            f"Layer '{name}'",
            f"weights must be 0 or a signed power of two, but {int(wrong.sum())} are not, "
            f"{example:g} among them",
            "round them when training or drop weights = \"power-of-two\" from its table",
        )
    exponent = np.where(sign != 0, exponent - 1, 0).astype(np.int64)
    lowest = int(exponent[sign != 0].min()) if sign.any() else 0
    terms = np.where(sign != 0, exponent - lowest, 0)[None], sign[None]
    return terms, -lowest


@integer_matmul.register
def _(layer: AdderLayer, source: Tensor, config: Config) -> L1Matmul:
    """Weights on the input's grid, clipped to what a tap can read.

    For ``x`` in ``[lo, hi]``, ``|x - w| = |x - clip(w)| + |w - clip(w)|``: the second part is a
    constant of the output channel.
    """
    scaled = layer.weight.detach().numpy().astype(float) * 2.0**source.frac
    weight = np.floor(scaled + 0.5).astype(np.int64)
    lo, hi = (
        grouped(end, layer.groups, len(weight))[:, :, None, None]
        for end in tap_interval(source, layer.window)
    )
    # Padding reads 0, so the interval must hold it for the clip to be exact there.
    clipped = np.clip(weight, np.minimum(lo, 0), np.maximum(hi, 0))
    lost = np.abs(weight - clipped).sum(axis=(1, 2, 3))
    return L1Matmul(
        name=layer.name,
        inputs=(source.name,),
        weight=clipped,
        bias=-lost,
        window=layer.window,
        groups=layer.groups,
    )
