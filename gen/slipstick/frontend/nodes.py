"""The kinds of node of the float graph: the network as it was trained, before any integer.

Every tensor is ``(N, C, H, W)``; a vector of F features is ``(N, F, 1, 1)``, so that a linear layer
is a convolution with a 1x1 window. A node makes one tensor, which carries the node's name.
"""

from dataclasses import dataclass

import torch

from slipstick.graph import Window
from slipstick.graph.nodes import Boundary, Rounding


@dataclass(frozen=True, eq=False)
class FloatNode:
    """Base of all kinds.

    Attributes
    ----------
    name : path of the torch module that computes it (``layer1.0.conv1``).
    inputs : names of the nodes whose tensors it reads.
    shape : ``(C, H, W)`` of the tensor it makes.
    """

    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class FloatInput(FloatNode):
    """The image that enters. ``vector`` says that the model takes ``(N, F)``."""

    vector: bool


@dataclass(frozen=True, eq=False)
class FloatMatmul(FloatNode):
    """A convolution-like layer.

    Attributes
    ----------
    weight : float32 ``(O, I/groups, kh, kw)``, the effective weights.
    bias : float32 ``(O,)`` or None.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    window: Window
    groups: int


@dataclass(frozen=True, eq=False)
class PlainMatmul(FloatMatmul):
    """An ordinary convolution or linear layer."""


@dataclass(frozen=True, eq=False)
class ShiftLayer(FloatMatmul):
    """A DeepShift layer: every weight is 0 or a signed power of two."""


@dataclass(frozen=True, eq=False)
class TermsLayer(FloatMatmul):
    """A layer trained to sums of a few powers of two (APoT): its weights are taken as they are."""


@dataclass(frozen=True, eq=False)
class AdderLayer(FloatMatmul):
    """An AdderNet layer: ``-sum |x - weight|``."""


@dataclass(frozen=True, eq=False)
class BatchNorm(FloatNode):
    """``(x - mean) * scale + offset`` per channel; float64 ``(C,)`` each.

    ``deviation`` is the standard deviation that was divided out: with ``scale`` it tells how
    far the output spreads.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    offset: torch.Tensor
    deviation: torch.Tensor


@dataclass(frozen=True, eq=False)
class Clamp(FloatNode):
    """``min(max(x, lo), hi)``; a ReLU is ``lo = 0, hi = inf``."""

    lo: float
    hi: float


@dataclass(frozen=True, eq=False)
class FixedPoint(FloatNode):
    """``x`` rounded to multiples of ``2**-fraction_bits``, then clamped to ``[lo, hi]``.

    What a DeepShift layer does to its input when it was trained with a narrow format
    (``rounding`` "floor"), and a layer of fixed shifts with its 15 bits ("half_even").
    """

    fraction_bits: int
    lo: float
    hi: float
    rounding: Rounding = "floor"


@dataclass(frozen=True, eq=False)
class CommonGrid(FloatNode):
    """``x`` rounded half to even to multiples of ``2**-fraction_bits``, without bounds.

    The input of an adder layer that has its weights on this grid too (ShiftAddNet's FIX8 and
    FIX16): its integers must be on it, and as wide as they get.
    """

    fraction_bits: int


@dataclass(frozen=True, eq=False)
class AdditiveLevels(FloatNode):
    """The nearest of the uneven levels of APoT, from 0 to ``bound`` (see `apot_activation`).

    No integer tensor has uneven steps: the integer graph keeps the bound and its own even steps.
    """

    bound: float
    bits: int


@dataclass(frozen=True, eq=False)
class MaxPool(FloatNode):
    """Largest of each window; padded taps are ignored."""

    window: Window


@dataclass(frozen=True, eq=False)
class AvgPool(FloatNode):
    """Sum of each window, padded taps reading 0, divided by ``divisor``."""

    window: Window
    divisor: int


@dataclass(frozen=True, eq=False)
class FloatAdd(FloatNode):
    """Sum of two tensors of one shape."""


@dataclass(frozen=True, eq=False)
class FloatConcat(FloatNode):
    """Channels of all inputs in order."""


@dataclass(frozen=True, eq=False)
class FloatMove(FloatNode):
    """``y[c, h, w] = x[channel[c], h + dy[c], w + dx[c]]``, as `slipstick.graph.Move`.

    A channel of `NOTHING` is 0 everywhere.
    """

    channel: tuple[int, ...]
    dy: tuple[int, ...]
    dx: tuple[int, ...]
    boundary: Boundary


@dataclass(frozen=True, eq=False)
class FloatGate(FloatNode):
    """``x * 2**-k``, ``k`` the number of ``limits``, falling, above the logit of the channel.

    Reads ``x`` and the logits, ``(C, 1, 1)``.
    """

    limits: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FloatFlatten(FloatNode):
    """``(C, H, W)`` to ``(C*H*W, 1, 1)`` in C, H, W order."""


@dataclass(frozen=True, eq=False)
class FloatArgmax(FloatNode):
    """Index of the largest channel of each pixel."""
