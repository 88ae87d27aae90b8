"""In which order an engine reads pixels whose channels lie at places of their own."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from slipstick.rtl_templates.window_walk import WindowWalk

NOWHERE = -1
"""Stored lane of a lane that carries nothing."""


@dataclass(frozen=True, eq=False)
class LaneMoves:
    """Where each lane of each word that is read comes from; all int64 ``(words, lanes)``.

    Attributes
    ----------
    word, lane : word of a stored pixel, and the lane in it; `NOWHERE` in ``lane`` for none.
    dy, dx : rows and columns that the stored pixel lies below and right of the output's.
    """

    word: np.ndarray
    lane: np.ndarray
    dy: np.ndarray
    dx: np.ndarray

    @property
    def real(self) -> np.ndarray:
        """Whether a lane carries something, bool ``(words, lanes)``."""
        return self.lane != NOWHERE

    @cached_property
    def banks(self) -> tuple[int, ...]:
        """The stored lane that each lane reads, whatever the word; `NOWHERE` for none.

        Raises ValueError where a lane would need several: its data would pass a multiplexer.
        """
        banks = []
        for lane, real in zip(self.lane.T, self.real.T, strict=True):
            found = set(lane[real].tolist()) or {NOWHERE}
            if len(found) > 1:
                raise ValueError(f"A lane must read one stored lane, not {sorted(found)}")
            banks.append(found.pop())
        return tuple(banks)


def moves_within(
    moves: LaneMoves, height: int, width: int, boundary: Literal["zero", "address"]
) -> LaneMoves:
    """``moves`` with columns brought into ``[0, W)`` along the rows, or lanes that never meet
    the image taken out."""
    dy, dx = moves.dy, moves.dx
    if boundary == "address":
        flat = dy * width + dx
        dy, dx = flat // width, flat % width
        meets = np.abs(flat) < height * width
    else:
        meets = (np.abs(dy) < height) & (np.abs(dx) < width)
    lane = np.where(meets, moves.lane, NOWHERE)
    dy, dx = (np.where(lane == NOWHERE, 0, step) for step in (dy, dx))
    return LaneMoves(np.where(lane == NOWHERE, 0, moves.word), lane, dy, dx)


@dataclass(frozen=True, eq=False)
class MovedWalk(WindowWalk):
    """A walk with one tap a lane, which lies where ``moves`` says.

    To the loops it is a window of the rows from the highest to the lowest move. Made by
    `moved_walk`.

    Parameters
    ----------
    moves : of the words that are read, ``beats / beats_per_block * words_per_beat`` of them.
    boundary : ``"zero"``, or ``"address"``: a column beyond the last is in the next row.
    """

    moves: LaneMoves
    boundary: Literal["zero", "address"]

    def __post_init__(self) -> None:
        wanted = self.beats // self.beats_per_block * self.words_per_beat
        if len(self.moves.lane) != wanted:
            raise ValueError(f"Moves must be those of {wanted} words, not {len(self.moves.lane)}")
        self.moves.banks  # noqa: B018  raises where a lane would need several

    @property
    def parallel_kernel(self) -> tuple[int, int]:
        """One tap a lane, whatever rows the lanes' taps lie in."""
        return 1, 1

    @property
    def top(self) -> int:
        """Rows from the highest move to the output's row."""
        return self.padding[0]

    @cached_property
    def offsets(self) -> np.ndarray:
        """Distance of each lane's address from the pointer, in ``[0, depth)``: int64
        ``(words, lanes)``. The pointer itself moves one on with each word."""
        rows = self.moves.dy + self.top
        place = (rows * self.width + self.moves.dx) * self.words + self.moves.word
        return (place - np.arange(len(place))[:, None]) % self.depth

    @cached_property
    def masked_lanes(self) -> np.ndarray:
        """Whether each lane can read no pixel of the image, bool ``(lanes,)``."""
        moves = self.moves
        return np.asarray(((moves.dy != 0) | (moves.dx != 0) | ~moves.real).any(axis=0))

    @cached_property
    def reads(self) -> np.ndarray:
        """Which stored value each lane of each step reads, as an index into the frame's
        ``H*W*words`` words, -1 for 0. Integers ``(cycles, 1, lanes)``."""
        rows, columns = self.output_size
        y = (np.arange(rows) * self.stride[0])[:, None, None, None, None]
        x = (np.arange(columns) * self.stride[1])[:, None, None, None]
        first = np.arange(self.beats) // self.beats_per_block * self.words_per_beat
        word = first[:, None] + np.arange(self.words_per_beat)
        y, x = y + self.moves.dy[word], x + self.moves.dx[word]
        if self.boundary == "address":
            y, x = y + x // self.width, x % self.width
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        index = (y * self.width + x) * self.words + self.moves.word[word]
        reads = np.where(inside & self.moves.real[word], index, -1)
        reads = reads.reshape(rows, columns, -1, reads.shape[-1])
        return reads[:, :, self.kept].reshape(-1, 1, reads.shape[-1])


def moved_walk(
    height: int,
    width: int,
    words: int,
    stride: tuple[int, int],
    beats: int,
    words_per_beat: int,
    beats_per_block: int,
    moves: LaneMoves,
    boundary: Literal["zero", "address"],
) -> MovedWalk:
    """The walk over ``words`` stored words a pixel whose lanes lie where ``moves`` says."""
    moves = moves_within(moves, height, width, boundary)
    # In the address mode a read may cross into the row below.
    below = moves.dy + (moves.dx > 0) if boundary == "address" else moves.dy
    top, bottom = -min(0, int(moves.dy.min())), max(0, int(below.max()))
    rows = top + bottom + 1
    return MovedWalk(
        height=height,
        width=width,
        words=words,
        kernel=(rows, 1),
        stride=stride,
        padding=(top, bottom, 0, 0),
        dilation=(1, 1),
        parallel_taps=rows,
        beats=beats,
        words_per_beat=words_per_beat,
        beats_per_block=beats_per_block,
        moves=moves,
        boundary=boundary,
    )
