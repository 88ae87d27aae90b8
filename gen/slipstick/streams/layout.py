"""The order in which a stream carries the channels of a pixel."""

from dataclasses import dataclass

PAD = -1
"""Channel number of a lane that carries nothing; such a lane is always 0."""


@dataclass(frozen=True)
class Layout:
    """Which channel each lane of each beat of one pixel carries.

    A frame is its pixels row by row, column by column; a pixel is its beats in order. A
    renaming of channels (a flatten, a concatenation, a shuffle) is a change of this table and
    of nothing else.

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

    @property
    def order(self) -> tuple[int, ...]:
        """The channels in the order in which they pass, pads left out."""
        return tuple(channel for beat in self.beats for channel in beat if channel != PAD)

    def flattened(self, height: int, width: int) -> "Layout":
        """The same beats seen as one pixel of ``C*H*W`` channels in C, H, W order."""
        pixels = height * width
        return Layout(
            tuple(
                tuple(PAD if channel == PAD else channel * pixels + pixel for channel in beat)
                for pixel in range(pixels)
                for beat in self.beats
            )
        )
