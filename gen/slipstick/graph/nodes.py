"""The kinds of node of the integer graph.

A node produces exactly one tensor, which carries the node's name. Nodes hold plain integers:
what a weight is was decided once, when the network was quantised.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from slipstick.graph.window import Window

Rounding = Literal["half_up", "floor", "half_even"]
PoolKind = Literal["max", "sum"]
Boundary = Literal["zero", "address"]
NOTHING = -1
"""Channel that a `Move` reads for one that is 0, as behind a padding of channels."""


@dataclass(frozen=True, eq=False)
class Node:
    """Base of all kinds. ``inputs`` are the names of the nodes whose tensors it reads."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Input(Node):
    """The frame that enters: every channel in ``[lo, hi]`` on the grid ``2**-frac``."""

    shape: tuple[int, int, int]
    frac: int
    lo: int
    hi: int


@dataclass(frozen=True, eq=False)
class ShiftMatmul(Node):
    """``acc[o] = bias[o] + sum over taps, channels, terms of sign * floor(x * 2**exponent)``.

    One operator for every linear layer without a multiplier: one term a weight for DeepShift,
    more for canonical signed digits. Padded taps read 0. With exponents of 0 and more nothing is
    rounded. Negative ones cut bits off each product, as DeepShift's own integer kernels do.

    Attributes
    ----------
    exponent : int64 ``(T, O, I/groups, kh, kw)``.
    sign : int64, same shape, each -1, 0 or +1.
    weight_frac : a weight is ``sum_t sign * 2**exponent`` on the grid ``2**-weight_frac``, so
        the output's ``frac`` is the input's plus this.
    bias : int64 ``(O,)`` on the output's grid.
    """

    exponent: np.ndarray
    sign: np.ndarray
    weight_frac: int
    bias: np.ndarray
    window: Window
    groups: int

    @property
    def truncates(self) -> bool:
        """Whether products lose bits."""
        return bool(self.exponent[self.sign != 0].min(initial=0) < 0)

    @property
    def weight(self) -> np.ndarray:
        """The integer weights, int64 ``(O, I/groups, kh, kw)``, where nothing `truncates`."""
        return (self.sign << self.exponent).sum(axis=0)


@dataclass(frozen=True, eq=False)
class L1Matmul(Node):
    """``acc[o] = bias[o] - sum over taps and channels of |x - weight|`` (AdderNet).

    Padded taps read ``x = 0`` and so contribute ``-|weight|``.

    Attributes
    ----------
    weight : int64 ``(O, I/groups, kh, kw)`` on the input's grid, which is the output's too.
    bias : int64 ``(O,)``, with the constants that lossless clipping left behind.
    """

    weight: np.ndarray
    bias: np.ndarray
    window: Window
    groups: int


@dataclass(frozen=True, eq=False)
class Affine(Node):
    """``y = clamp((x * m + bias) / 2**shift, lo, hi)``, rounded as ``rounding`` says.

    ``m[c] = sum_t sign[t, c] << exponent[t, c]``. The only node that loses information: it is
    a requantisation, a folded BatchNorm, a ReLU, or all of them at once.

    Attributes
    ----------
    exponent, sign : int64 ``(T, C)``; exponents ``>= 0``, signs -1, 0 or +1.
    bias : int64 ``(C,)`` on the grid of ``x * m``.
    shift : bits dropped, ``>= 0``.
    lo, hi : saturation bounds, on the output's grid.
    frac : fraction bits of the output.
    """

    exponent: np.ndarray
    sign: np.ndarray
    bias: np.ndarray
    shift: int
    lo: int
    hi: int
    frac: int
    rounding: Rounding = "half_up"

    @property
    def multiplier(self) -> np.ndarray:
        """The integers ``m``, int64 ``(C,)``."""
        return (self.sign << self.exponent).sum(axis=0)

    @property
    def saturates(self) -> tuple[bool, bool]:
        """Whether ``lo``, ``hi`` are ends of a format, ``-2**n`` and ``2**n - 1``.

        Values beyond such an end are lost; a ReLU or a clamp cuts off on purpose.
        """
        return self.lo < 0 and _all_ones(~self.lo), _all_ones(self.hi)


def _all_ones(value: int) -> bool:
    return value & (value + 1) == 0


@dataclass(frozen=True, eq=False)
class Add(Node):
    """``y = (a << shifts[0]) + (b << shifts[1])``, exact."""

    shifts: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """Channels of all inputs in order, input ``i`` shifted left by ``shifts[i]``. Exact."""

    shifts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pool(Node):
    """Maximum or sum over a window, channel by channel. Exact.

    Padded taps are ignored by ``max`` and read 0 by ``sum``. An average is a ``sum`` followed
    by an ``Affine`` with the reciprocal.
    """

    kind: PoolKind
    window: Window


@dataclass(frozen=True, eq=False)
class Move(Node):
    """``y[c, h, w] = x[channel[c], h + dy[c], w + dx[c]]``: a move of values, never a sum.

    A spatial shift (CVPR 2018, SSL), an address shift, a rotation, a shuffle or a slice of
    channels. In hardware it is an address.

    Attributes
    ----------
    channel, dy, dx : int64 ``(C',)``; a ``channel`` of `NOTHING` is 0 everywhere.
    boundary : what is read outside the image: ``"zero"`` reads 0; ``"address"`` (AddressNet,
        WACV 2019) goes on along the channel's rows in memory, so that a column too far is the
        neighbouring row's, and reads 0 only before the first and behind the last pixel.
    """

    channel: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    boundary: Boundary = "zero"


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """``y[c] = x[c] << n``, ``n`` the number of thresholds not above ``z[c]``. Exact.

    Reads ``x`` and the logits ``z``, ``(C, 1, 1)``. With ``K`` thresholds the output's ``frac`` is
    that of ``x`` plus ``K``: each threshold above ``z[c]`` halves the channel.

    Attributes
    ----------
    thresholds : int64 ``(K,)`` on the grid of ``z``, falling.
    """

    thresholds: np.ndarray


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """``(C, H, W)`` to ``(C*H*W, 1, 1)`` in C, H, W order, as ``torch.flatten(x, 1)``."""


@dataclass(frozen=True, eq=False)
class Argmax(Node):
    """Index of the largest channel of each pixel; the lowest index wins a tie."""
