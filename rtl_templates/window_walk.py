"""In which order an engine reads the pixels it has stored."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

LUT_WORDS = 576
"""Words up to which a ring of bytes is RAM in LUTs; wider ones go to block RAM before."""


@dataclass(frozen=True)
class WindowWalk:
    """In which order an engine reads which words of a frame.

    For every output pixel, for every output beat, for every tap fold, for every word: one
    *step*, one cycle. A step reads ``parallel_taps`` words. Steps that compute nothing may be left
    out, the same ones at every pixel.

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
    skipped : steps of an output pixel that are left out, counted in their order. Every output
        beat must keep one.
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
    skipped: tuple[int, ...] = field(default=(), kw_only=True)

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
        if not set(self.skipped) <= set(range(self.beats * self.steps_per_beat)):
            raise ValueError("Skipped steps must be steps of an output pixel")
        if len(np.unique(self.beat_of_step)) != self.beats:
            raise ValueError("Every output beat must keep a step")

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
        """Steps of one output beat, with those that are left out."""
        return self.tap_folds[0] * self.tap_folds[1] * self.words_per_beat

    @cached_property
    def kept(self) -> np.ndarray:
        """The steps of an output pixel that are done, counted with the others: ``(kept,)``."""
        return np.setdiff1d(np.arange(self.beats * self.steps_per_beat), self.skipped)

    @cached_property
    def beat_of_step(self) -> np.ndarray:
        """The output beat that each step of a pixel adds to: ``(kept,)``."""
        return self.kept // self.steps_per_beat

    @cached_property
    def beat_starts(self) -> np.ndarray:
        """Where in `kept` each output beat begins: ``(beats,)``."""
        return np.searchsorted(self.beat_of_step, np.arange(self.beats))

    @property
    def shortest_beat(self) -> int:
        """Cycles of the output beat that takes the fewest."""
        return int(np.bincount(self.beat_of_step).min())

    @property
    def cycles(self) -> int:
        """Initiation interval of a frame when input and output never wait."""
        height, width = self.output_size
        return height * width * len(self.kept)

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
        """Words of the ring.

        A power of two, around which addresses wrap by themselves, where the RAM is as large: RAM
        in LUTs grows by 64 words, block RAM, which takes over beyond, by powers of two.
        """
        least = self.ring_rows * self.width * self.words
        rounded = 1 << (least - 1).bit_length()
        return least if rounded <= LUT_WORDS and rounded - least >= 64 else rounded

    def in_image(self, axis: int) -> np.ndarray:
        """Whether tap ``k`` of output row (axis 0) or column (axis 1) ``o`` is in the image.

        Bool array ``(outputs, kernel)``.
        """
        size = (self.height, self.width)[axis]
        first = np.arange(self.output_size[axis]) * self.stride[axis] - self.padding[2 * axis]
        position = first[:, None] + np.arange(self.kernel[axis]) * self.dilation[axis]
        return (position >= 0) & (position < size)

    @cached_property
    def masked_taps(self) -> tuple[bool, ...]:
        """Whether each of the ``parallel_taps`` can lie outside the image."""
        rows, columns = (
            # Taps read one after the other share one mask.
            np.logical_not(self.in_image(axis).reshape(-1, taps)).any(axis=0)
            for axis, taps in enumerate(self.parallel_kernel)
        )
        return tuple(bool(row or column) for row in rows for column in columns)

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
        reads = reads.transpose(0, 3, 6, 1, 4, 7, 2, 5).reshape(
            rows, columns, -1, self.parallel_taps
        )
        return reads[:, :, self.kept].reshape(-1, self.parallel_taps)

    @property
    def loop_counts(self) -> dict[str, int]:
        """Rounds of the loops inside a pixel, from the outermost inward."""
        return {
            "block": self.beats // self.beats_per_block,
            "beat": self.beats_per_block,
            "ky": self.tap_folds[0],
            "kx": self.tap_folds[1],
            "word": self.words_per_beat,
        }

    @cached_property
    def loop_of_step(self) -> dict[str, np.ndarray]:
        """What the loops inside a pixel count in each of its steps, by loop: ``(kept,)``."""
        counts = self.loop_counts
        return dict(zip(counts, np.unravel_index(self.kept, tuple(counts.values())), strict=True))

    @cached_property
    def travels(self) -> np.ndarray:
        """How far each step of a pixel lies from the pixel's first word: ``(kept,)``."""
        loops = self.loop_of_step
        word = loops["block"] * self.words_per_beat + loops["word"]
        (dy, dx), pixel = self.dilation, self.words
        return (loops["ky"] * dy * self.width + loops["kx"] * dx) * pixel + word

    def address_steps(self) -> tuple[int, tuple[tuple[str, int, int], ...]]:
        """First pointer, and ``(loop, count, pointer step)`` from the innermost loop outward.

        The step is what the pointer moves by when that loop advances and all inner ones wrap.
        Everything is modulo the ring's depth: a window may begin before the frame does.
        """
        line, rows, columns = self.width * self.words, *self.output_size
        inner, travelled = self._inner_steps()
        first = int(self.travels[0]) - self.padding[0] * line - self.padding[2] * self.words
        loops = (
            ("ox", columns, self.stride[1] * self.words),
            ("oy", rows, self.stride[0] * line),
            ("frame", 0, self.height * line),
        )
        steps = list(inner)
        for loop, count, stride in loops:
            steps.append((loop, count, (stride - travelled) % self.depth))
            travelled += (count - 1) * stride
        return first % self.depth, tuple(steps)

    def _inner_steps(self) -> tuple[list[tuple[str, int, int]], int]:
        """The loops inside a pixel, and how far the pointer gets from its first to its last step.

        Where steps are left out one loop counts those that are not; its pointer steps differ and
        are those between `travels`.
        """
        if self.skipped:
            return [("step", len(self.kept), 0)], int(self.travels[-1] - self.travels[0])
        (dy, dx), (fold_y, fold_x) = self.dilation, self.tap_folds
        loops = (
            ("word", self.words_per_beat, 1),
            ("kx", fold_x, dx * self.words),
            ("ky", fold_y, dy * self.width * self.words),
            ("beat", self.beats_per_block, 0),
            ("block", self.beats // self.beats_per_block, self.words_per_beat),
        )
        steps, travelled = [], 0
        for loop, count, stride in loops:
            steps.append((loop, count, (stride - travelled) % self.depth))
            travelled += (count - 1) * stride
        return steps, travelled

    def tap_offsets(self) -> tuple[int, ...]:
        """Pointer offset of each parallel tap, row by row."""
        rows, columns = self.parallel_kernel
        return tuple(
            (ky * self.dilation[0] * self.width + kx * self.dilation[1]) * self.words % self.depth
            for ky in range(rows)
            for kx in range(columns)
        )
