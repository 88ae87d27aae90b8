"""BatchNorms and clamps behind a layer, gathered into one affine function."""

import math
from dataclasses import dataclass, replace
from functools import singledispatch

import torch

from slipstick.frontend import (
    AdditiveLevels,
    BatchNorm,
    Clamp,
    CommonGrid,
    FixedPoint,
    FloatGraph,
    FloatNode,
)
from slipstick.graph import Rounding


@dataclass(frozen=True)
class Chain:
    """``y = clamp(x * scale + offset, lo, hi)`` per channel, as real numbers.

    Attributes
    ----------
    names : float nodes it stands for, in order.
    scale, offset : float64 ``(C,)``.
    mean : float64 ``(C,)``, the mean of ``x`` where ``scale`` is exact, or None.
    lo, hi : bounds.
    frac : fraction bits of a grid that values are rounded to, or None.
    rounding : how they are.
    must_reach : whether a coarser grid, or a format that clips, would not do.
    """

    names: tuple[str, ...]
    scale: torch.Tensor
    offset: torch.Tensor
    mean: torch.Tensor | None = None
    lo: float = -math.inf
    hi: float = math.inf
    frac: int | None = None
    rounding: Rounding = "half_up"
    must_reach: bool = False

    @classmethod
    def identity(cls, node: FloatNode) -> "Chain":
        """``y = x`` for the tensor of ``node``."""
        one = torch.ones(node.shape[0], dtype=torch.float64)
        return cls((node.name,), one, torch.zeros_like(one))

    @property
    def end(self) -> str:
        """The float node whose value it gives."""
        return self.names[-1]

    @property
    def bounded(self) -> bool:
        """Whether anything was clamped, so that no further scale fits in."""
        return self.frac is not None or math.isfinite(self.lo) or math.isfinite(self.hi)


def follow(graph: FloatGraph, chain: Chain) -> Chain:
    """``chain`` with all nodes behind it that fit in and are read by nobody else."""
    while chain.end != graph.output:
        readers = graph.consumers(chain.end)
        if len(readers) != 1:
            return chain
        longer = extend(readers[0], chain)
        if longer is None:
            return chain
        chain = longer
    return chain


@singledispatch
def extend(node: FloatNode, chain: Chain) -> Chain | None:
    """``chain`` followed by ``node``, or None if one affine cannot do both.

    A new kind of node that is affine in each channel, or clamps, registers itself here.
    """
    return None


@extend.register
def _(node: BatchNorm, chain: Chain) -> Chain | None:
    if chain.bounded:
        return None
    # The mean of x is where x * scale + offset meets the mean that this node subtracts.
    mean = chain.mean
    if mean is None and bool((chain.scale != 0).all()):
        mean = (node.mean - chain.offset) / chain.scale
    return replace(
        chain,
        names=(*chain.names, node.name),
        scale=chain.scale * node.scale,
        offset=(chain.offset - node.mean) * node.scale + node.offset,
        mean=mean,
    )


@extend.register
def _(node: Clamp, chain: Chain) -> Chain | None:
    return _clamped(chain, node.name, node.lo, node.hi)


@extend.register
def _(node: AdditiveLevels, chain: Chain) -> Chain | None:
    return _clamped(chain, node.name, 0.0, node.bound)


def _clamped(chain: Chain, name: str, low: float, high: float) -> Chain | None:
    if chain.frac is not None:
        return None
    # A clamp of a clamp: both bounds of the first are clamped by the second.
    lo = min(max(chain.lo, low), high)
    hi = min(max(chain.hi, low), high)
    return replace(chain, names=(*chain.names, name), lo=lo, hi=hi)


@extend.register
def _(node: FixedPoint, chain: Chain) -> Chain | None:
    if chain.frac is not None:
        return None
    lo, hi = max(chain.lo, node.lo), min(chain.hi, node.hi)
    if lo > hi:
        return None
    names = (*chain.names, node.name)
    return replace(
        chain, names=names, lo=lo, hi=hi, frac=node.fraction_bits, rounding=node.rounding
    )


@extend.register
def _(node: CommonGrid, chain: Chain) -> Chain | None:
    if chain.frac is not None:
        return None
    names = (*chain.names, node.name)
    return replace(
        chain, names=names, frac=node.fraction_bits, rounding="half_even", must_reach=True
    )
