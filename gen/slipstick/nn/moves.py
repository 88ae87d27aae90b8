"""Layers that compute nothing: each output channel is an input channel, read somewhere else.

Images are (N, C, H, W), or (C, H, W) for one; the shape does not change. What a fixed layer reads
is its table ``channel``, ``dy``, ``dx`` and its ``boundary`` (see `slipstick.nn.move_ops.move`).
"""

from collections.abc import Sequence

import torch
from torch import nn

from slipstick.nn.arguments import integer
from slipstick.nn.move_ops import BOUNDARIES, move, sparse_shift

POINTERS = {"r": (0, -1), "l": (0, 1), "u": (1, 0), "d": (-1, 0), "s": (0, 0)}
"""Rows and columns that each direction of `AddressShift` reads further on."""

FIVE_DIRECTIONS = ((-1, 0), (0, -1), (0, 0), (0, 1), (1, 0))
"""Rows and columns read by channels 0 to 4 of `FiveDirectionShift`."""


class ChannelLayer(nn.Module):
    """A layer from ``channels`` to as many."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = integer("Channels", channels, 1)

    def batched(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` as (N, C, H, W); one image (C, H, W) is a batch of one."""
        if x.ndim not in (3, 4) or x.shape[-3] != self.channels:
            raise ValueError(
                f"Input must have shape (N, {self.channels}, H, W), not {tuple(x.shape)}"
            )
        return x[None] if x.ndim == 3 else x

    def extra_repr(self) -> str:
        return f"{self.channels}"


class FixedMove(ChannelLayer):
    """A layer of one table: ``channel``, ``dy``, ``dx`` of each output channel, ``boundary``."""

    channel: list[int]
    dy: list[int]
    dx: list[int]
    boundary: str = "zero"

    def _set_table(
        self, displacements: Sequence[tuple[int, int]], channel: Sequence[int] | None = None
    ) -> None:
        """``displacements`` are (dy, dx); ``channel`` is each channel itself by default."""
        self.channel = list(range(self.channels) if channel is None else channel)
        self.dy = [row for row, _ in displacements]
        self.dx = [column for _, column in displacements]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = move(self.batched(x), self.channel, self.dy, self.dx, self.boundary)
        return result[0] if x.ndim == 3 else result


class GroupedShift(FixedMove):
    """A window's worth of displacements, shared out over the channels (Shift, Wu et al. 2018).

    Displacement ``j`` of the ``k^2`` reads ``dilation * (j div k - k//2)`` rows and
    ``dilation * (j mod k - k//2)`` columns further on, 0 outside the image. Each has
    ``floor(channels / k^2)`` channels; the remaining ones stay, all of them if there are fewer
    channels than displacements.

    Parameters
    ----------
    channels : of input and output.
    kernel_size : ``k``, odd.
    dilation : distance of neighbouring displacements.
    order : "interleaved" as in the released code: channel ``c`` has displacement ``c mod k^2`` and
        the last channels stay. "contiguous" as in the paper: one block of channels after the
        other, and the remaining channels belong to the block of the centre.
    """

    def __init__(
        self, channels: int, kernel_size: int = 3, dilation: int = 1, order: str = "interleaved"
    ) -> None:
        super().__init__(channels)
        self.kernel_size = integer("Kernel size", kernel_size, 1)
        if kernel_size % 2 == 0:
            raise ValueError(f"Kernel size must be odd, not {kernel_size!r}")
        self.dilation = integer("Dilation", dilation, 1)
        if order not in ("interleaved", "contiguous"):
            raise ValueError(f"Order must be 'interleaved' or 'contiguous', not {order!r}")
        self.order = order
        self._set_table([self._displacement(index) for index in self._indices()])

    def _indices(self) -> list[int]:
        """The displacement of each channel, 0 to ``k^2 - 1``."""
        number = self.kernel_size**2
        centre = number // 2
        each, remaining = divmod(self.channels, number)
        if self.order == "interleaved":
            return list(range(number)) * each + [centre] * remaining
        sizes = [each + (remaining if index == centre else 0) for index in range(number)]
        return [index for index, size in enumerate(sizes) for _ in range(size)]

    def _displacement(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.kernel_size)
        half = self.kernel_size // 2
        return self.dilation * (row - half), self.dilation * (column - half)

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"order={self.order!r}"
        )


class AddressShift(FixedMove):
    """Blocks of channels read at another pointer of their memory (AddressNet, He et al. 2019).

    In the flat ``H * W`` values of a channel, output ``p`` reads ``p + offset``:

    | direction | the content moves | offset |
    |---|---|---|
    | ``r`` | right | -1 |
    | ``l`` | left | +1 |
    | ``u`` | up | +W |
    | ``d`` | down | -W |
    | ``s`` | not | 0 |

    Parameters
    ----------
    channels : of input and output.
    directions : one letter a block; each block has ``floor(channels / len(directions))``
        channels, the remaining last channels stay.
    boundary : "address" reads the neighbouring row past the end of a row, and 0 past the ends of
        the channel; "zero" reads 0 outside the image.
    """

    def __init__(self, channels: int, directions: str = "rlud", boundary: str = "address") -> None:
        super().__init__(channels)
        if not directions or not set(directions) <= set(POINTERS):
            raise ValueError(f"Directions must be letters of 'rluds', not {directions!r}")
        integer("Channels", channels, len(directions))
        self.directions = directions
        if boundary not in BOUNDARIES:
            raise ValueError(f"Boundary must be 'zero' or 'address', not {boundary!r}")
        self.boundary = boundary
        each, remaining = divmod(channels, len(directions))
        letters = [letter for letter in directions for _ in range(each)] + ["s"] * remaining
        self._set_table([POINTERS[letter] for letter in letters])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, directions={self.directions!r}, boundary={self.boundary!r}"


class FiveDirectionShift(FixedMove):
    """Channel ``c`` reads above, left, here, right or below by ``c mod 5``, 0 outside the image.

    DiracDeltaNet's shift (Synetgy, Yang et al. 2019).
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self._set_table([FIVE_DIRECTIONS[channel % 5] for channel in range(channels)])


class ChannelShift(FixedMove):
    """Rotates the channels: output ``c`` is input ``(c - amount) mod channels`` (AddressNet).

    Parameters
    ----------
    channels : of input and output.
    amount : channels to rotate by, at least ``-channels``.
    """

    def __init__(self, channels: int, amount: int) -> None:
        super().__init__(channels)
        self.amount = integer("Amount", amount, -channels)
        sources = [(channel - amount) % channels for channel in range(channels)]
        self._set_table([(0, 0)] * channels, sources)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, amount={self.amount}"


class QuarterRotate(ChannelShift):
    """The last quarter of the channels comes first: DiracDeltaNet's shuffle (Yang et al. 2019)."""

    def __init__(self, channels: int) -> None:
        if integer("Channels", channels, 4) % 4:
            raise ValueError(f"Channels must be divisible by 4, not {channels!r}")
        super().__init__(channels, channels // 4)


class SparseShift(ChannelLayer):
    """Displacements that are learnt, and mostly zero (sparse shift layer, Chen et al. 2019).

    Channel ``c`` reads ``round(alpha[c])`` rows and ``round(beta[c])`` columns further on, 0
    outside the image; rounding is half to even. ``alpha`` and ``beta`` (C,) get the gradient of
    bilinear interpolation. Adding ``penalty()`` times a small factor (5e-4 in the paper) to the
    loss makes most channels stay.
    """

    def __init__(
        self,
        channels: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(channels)
        self.alpha = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        self.beta = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The paper's random start: U(-1, 1)."""
        nn.init.uniform_(self.alpha, -1, 1)
        nn.init.uniform_(self.beta, -1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = sparse_shift(self.batched(x), self.alpha, self.beta)
        return result[0] if x.ndim == 3 else result

    def penalty(self) -> torch.Tensor:
        """``sum(|alpha| + |beta|)``, a scalar to add to the loss."""
        return (self.alpha.abs() + self.beta.abs()).sum()

    def sparsity(self) -> float:
        """Share of the channels that stay."""
        stays = (torch.round(self.alpha) == 0) & (torch.round(self.beta) == 0)
        return stays.double().mean().item()
