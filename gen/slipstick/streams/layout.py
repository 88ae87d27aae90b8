"""The order in which a stream carries the channels of a pixel."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

PAD = -1
"""Channel number of a lane that carries nothing; such a lane is always 0."""


@dataclass(frozen=True)
class Layout:
    """Which channel each lane of each beat of one pixel carries.

    A frame is its pixels row by row, column by column; a pixel is its beats in order. A
    renaming of channels (a flatten, a concatenation, a shuffle) is a change of this table and
    of nothing else. An image may also pass as one pixel of all its ``C*H*W`` values, in the
    order C, H, W.

    Attributes
    ----------
    beats : ``beats[beat][lane]`` is a channel number or `PAD`; each channel stands once.
    """

    beats: tuple[tuple[int, ...], ...]

    @classmethod
    def natural(cls, channels: int, lanes: int, block: int | None = None) -> "Layout":
        """Channels in order, ``lanes`` a beat; each ``block`` channels start a new beat."""
        block = block or channels
        return cls(
            tuple(
                tuple(
                    channel if channel < first + block else PAD
                    for channel in range(start, start + lanes)
                )
                for first in range(0, channels, block)
                for start in range(first, first + block, lanes)
            )
        )

    @property
    def lanes(self) -> int:
        """Channels side by side in one beat, pads included."""
        return len(self.beats[0])

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The channels in the order in which they pass, pads left out."""
        return tuple(channel for beat in self.beats for channel in beat if channel != PAD)

    def pixels(self, shape: tuple[int, int, int]) -> int:
        """Pixels in which a tensor of ``shape`` passes."""
        return math.prod(shape) // len(self.order)

    def frame_beats(self, shape: tuple[int, int, int]) -> int:
        """Beats of a frame of a tensor of ``shape``."""
        return self.pixels(shape) * len(self.beats)

    def flattened(self, shape: tuple[int, int, int]) -> "Layout":
        """The beats of a tensor of ``shape`` seen as one pixel of all its values."""
        pixels = self.pixels(shape)
        return Layout(
            tuple(
                tuple(PAD if channel == PAD else channel * pixels + pixel for channel in beat)
                for pixel in range(pixels)
                for beat in self.beats
            )
        )

    def runs(self, run: int) -> list[list[int]]:
        """Beat by beat, the channels in each run of at most ``run`` lanes; pads end a beat."""
        counts = [sum(channel != PAD for channel in beat) for beat in self.beats]
        return [[min(run, count - start) for start in range(0, count, run)] for count in counts]


def common_run(source: Layout, target: Layout) -> int:
    """The most channels a run can have so that both layouts are cut at the same places.

    Raises `ValueError` where the layouts carry other channels or another order of them.
    """
    if source.order != target.order:
        raise ValueError("Layouts must carry the same channels in the same order")
    for run in range(min(source.lanes, target.lanes), 1, -1):
        if [*chain(*source.runs(run))] == [*chain(*target.runs(run))]:
            return run
    return 1


def cycles_between(source: Layout, target: Layout) -> int:
    """Cycles that one pixel takes from one layout to the other: one run a cycle."""
    if source == target:
        return len(source.beats)
    return sum(map(len, source.runs(common_run(source, target))))
