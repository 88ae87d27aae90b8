"""In which order an engine reads the pixels it has stored."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class WindowWalk:
    """In which order an engine reads which words of a frame.

    For every output pixel, for every output beat, for every tap fold, for every word: one
    *step*, one cycle. A step reads ``parallel_taps`` words.

    Parameters
    ----------
    height, width : of the input frame, in pixels.
    words : stream beats of one input pixel.
    kernel, stride, padding, dilation : as `slipstick.graph.Window`.
    parallel_taps : taps read in one step: 1, ``kw`` or ``kh*kw``.
    beats : output beats of one output pixel.
    words_per_beat : words that one output beat reads of each tap.
    beats_per_block : consecutive output beats that read the same words; the next block reads
        the next ``words_per_beat`` words.
    """

    height: int
    width: int
    words: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    parallel_taps: int
    beats: int
    words_per_beat: int
    beats_per_block: int

    def __post_init__(self) -> None:
        if self.parallel_taps not in self.legal_parallel_taps(self.kernel):
            raise ValueError(
                f"Parallel taps must be one of {self.legal_parallel_taps(self.kernel)}, "
                f"not {self.parallel_taps!r}"
            )
        if self.beats % self.beats_per_block:
            raise ValueError(
                f"Beats per block must divide {self.beats}, not {self.beats_per_block!r}"
            )
        if self.beats // self.beats_per_block * self.words_per_beat > self.words:
            raise ValueError(f"Blocks must lie within {self.words} words")

    @staticmethod
    def legal_parallel_taps(kernel: tuple[int, int]) -> tuple[int, ...]:
        """The values ``parallel_taps`` may have for ``kernel``."""
        return tuple(sorted({1, kernel[1], kernel[0] * kernel[1]}))

    @cached_property
    def output_size(self) -> tuple[int, int]:
        """``(Ho, Wo)``."""
        top, bottom, left, right = self.padding
        (kh, kw), (sy, sx), (dy, dx) = self.kernel, self.stride, self.dilation
        return (
            (self.height + top + bottom - (kh - 1) * dy - 1) // sy + 1,
            (self.width + left + right - (kw - 1) * dx - 1) // sx + 1,
        )

    @cached_property
    def tap_folds(self) -> tuple[int, int]:
        """Sequential tap rows and columns of one output beat."""
        kh, kw = self.kernel
        if self.parallel_taps == kh * kw:
            return 1, 1
        return (kh, 1) if self.parallel_taps == kw else (kh, kw)

    @property
    def parallel_kernel(self) -> tuple[int, int]:
        """Tap rows and columns read in one step."""
        kh, kw = self.kernel
        return kh // self.tap_folds[0], kw // self.tap_folds[1]

    @property
    def steps_per_beat(self) -> int:
        """Cycles of one output beat."""
        return self.tap_folds[0] * self.tap_folds[1] * self.words_per_beat

    @property
    def cycles(self) -> int:
        """Initiation interval of a frame when input and output never wait."""
        height, width = self.output_size
        return height * width * self.beats * self.steps_per_beat

    @cached_property
    def row_program(self) -> tuple[tuple[int, int], ...]:
        """Per output row: rows that must be present, and rows released after it.

        Rows are counted from the oldest one not yet released.
        """
        rows, _ = self.output_size
        top, sy = self.padding[0], self.stride[0]
        span = (self.kernel[0] - 1) * self.dilation[0] + 1
        bounded = [min(max(oy * sy - top, 0), self.height) for oy in range(rows)]
        released = [*bounded, self.height]
        released[0] = 0
        program = []
        for oy in range(rows):
            last = min(max(oy * sy - top + span, 0), self.height)
            # A row that is released must have arrived, even if no window reads it; and no frame
            # starts before its first row is there, even where windows read padding alone.
            present = max(last, released[oy + 1], int(oy == 0))
            program.append((present - released[oy], released[oy + 1] - released[oy]))
        return tuple(program)

    @cached_property
    def ring_rows(self) -> int:
        """Rows the buffer holds, so that a steady producer never waits for the reader.

        Time is counted in output rows. The producer writes input rows at a constant pace, as
        late as every output row allows; a row's slot is taken from the start of its writing to
        its release. One row more absorbs the pipelines' latencies.
        """
        rows = len(self.row_program)
        needed, released = [], []
        present = gone = 0
        for time, (need, release) in enumerate(self.row_program * 3):
            needed += [time] * (gone + need - present)
            present = max(present, gone + need)
            released += [time + 1] * release
            gone += release
        # In units of 1/height output rows, to stay with integers.
        starts = [time * self.height - (row + 1) * rows for row, time in enumerate(needed)]
        origin = min(starts)
        occupied = 0
        for row in range(len(released)):
            begin = origin + row * rows
            free = sum(1 for time in released if time * self.height <= begin)
            occupied = max(occupied, row + 1 - free)
        return max(occupied, max(need for need, _ in self.row_program)) + 1

    @property
    def depth(self) -> int:
        """Words of the ring."""
        return self.ring_rows * self.width * self.words

    def in_image(self, axis: int) -> np.ndarray:
        """Whether tap ``k`` of output row (axis 0) or column (axis 1) ``o`` is in the image.

        Bool array ``(outputs, kernel)``.
        """
        size = (self.height, self.width)[axis]
        first = np.arange(self.output_size[axis]) * self.stride[axis] - self.padding[2 * axis]
        position = first[:, None] + np.arange(self.kernel[axis]) * self.dilation[axis]
        return (position >= 0) & (position < size)

    @cached_property
    def reads(self) -> np.ndarray:
        """Which word of the frame each tap of each step reads, -1 outside the image.

        Integers ``(cycles, parallel_taps)``.
        """
        rows, columns = self.output_size
        (kh, kw), (fold_y, fold_x) = self.kernel, self.tap_folds
        y = np.arange(rows)[:, None] * self.stride[0] - self.padding[0]
        y = y + np.arange(kh) * self.dilation[0]
        x = np.arange(columns)[:, None] * self.stride[1] - self.padding[2]
        x = x + np.arange(kw) * self.dilation[1]
        first = np.arange(self.beats) // self.beats_per_block * self.words_per_beat
        word = first[:, None] + np.arange(self.words_per_beat)
        # (oy, fy, py, ox, fx, px, beat, word)
        y = y.reshape(rows, fold_y, -1)[:, :, :, None, None, None, None, None]
        x = x.reshape(columns, fold_x, -1)[:, :, :, None, None]
        index = (y * self.width + x) * self.words + word
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        reads = np.where(inside, index, -1)
        return reads.transpose(0, 3, 6, 1, 4, 7, 2, 5).reshape(-1, self.parallel_taps)

    def address_steps(self) -> tuple[int, tuple[tuple[str, int, int], ...]]:
        """First pointer, and ``(loop, count, pointer step)`` from the innermost loop outward.

        The step is what the pointer moves by when that loop advances and all inner ones wrap.
        Everything is modulo the ring's depth: a window may begin before the frame does.
        """
        (sy, sx), (dy, dx) = self.stride, self.dilation
        fold_y, fold_x = self.tap_folds
        rows, columns = self.output_size
        pixel, line = self.words, self.width * self.words
        blocks = self.beats // self.beats_per_block
        loops = (
            ("word", self.words_per_beat, 1),
            ("kx", fold_x, dx * pixel),
            ("ky", fold_y, dy * line),
            ("beat", self.beats_per_block, 0),
            ("block", blocks, self.words_per_beat),
            ("ox", columns, sx * pixel),
            ("oy", rows, sy * line),
            ("frame", 0, self.height * line),
        )
        steps, travelled = [], 0
        for loop, count, stride in loops:
            steps.append((loop, count, (stride - travelled) % self.depth))
            travelled += (count - 1) * stride
        first = -(self.padding[0] * line + self.padding[2] * pixel) % self.depth
        return first, tuple(steps)

    def tap_offsets(self) -> tuple[int, ...]:
        """Pointer offset of each parallel tap, row by row."""
        rows, columns = self.parallel_kernel
        return tuple(
            (ky * self.dilation[0] * self.width + kx * self.dilation[1]) * self.words % self.depth
            for ky in range(rows)
            for kx in range(columns)
        )
