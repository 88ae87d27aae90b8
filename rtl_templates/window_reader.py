"""The pointer line buffer: keeps each pixel once and reads windows by address alone."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.stream import flat_stream

LUTS_PER_BLOCK = 100
"""LUTs that are worth half a block RAM: a quarter of their ratio on a 7-series part."""


def ram_style(width: int, depth: int) -> str:
    """``"distributed"`` where a RAM takes few LUTs for the block RAMs it would leave empty."""
    luts = -(-depth // 64) * width * 4 // 3
    blocks = -(-width // 36) * -(-depth // 512)
    return "distributed" if luts <= LUTS_PER_BLOCK * blocks else "block"


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


class WindowReader(wiring.Component):
    """Stores a stream of pixels and replays it as the windows of a `WindowWalk`.

    A ring of rows in RAM. Frames follow each other in it without a gap, so that the rows of
    the next frame arrive while the last windows of this one are read.

    Parameters
    ----------
    walk : the order of reading.
    word_bits : bits of one stream beat.
    outside : what a tap outside the image reads, as a word.

    Members
    -------
    i : stream of pixels, ``words`` beats each.
    i_go : the step at the head may start an output beat; looked at on first steps only.
    o_starts : a first step starts in this cycle.
    o_ahead : `o_valid`, two cycles early.
    o_valid, o_first, o_last : a step; whether it is the first or last of its output beat.
    o_words : its words, tap 0 lowest.

    Latency: 4 cycles from the start of a step to `o_valid`.
    """

    LATENCY = 4

    def __init__(self, walk: WindowWalk, word_bits: int, outside: int = 0) -> None:
        self.walk = walk
        self.word_bits = word_bits
        self.outside = outside
        super().__init__(
            {
                "i": In(flat_stream(word_bits)),
                "i_go": In(1),
                "o_starts": Out(1),
                "o_ahead": Out(1),
                "o_valid": Out(1),
                "o_first": Out(1),
                "o_last": Out(1),
                "o_words": Out(word_bits * walk.parallel_taps),
            }
        )

    def model(self, frames: np.ndarray) -> np.ndarray:
        """Words ``(N, H*W*words)`` to the words of all steps ``(N, cycles, parallel_taps)``."""
        outside = np.full((len(frames), 1), self.outside, frames.dtype)
        # Index -1, a tap outside the image, picks the word that is appended.
        return np.concatenate([frames, outside], axis=1)[:, self.walk.reads]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        go = Signal()
        counters, wraps = self._loops(m, go)
        self._rows(m, go, counters, wraps)
        pointer_step = self._pointer_step(m, go, wraps)
        addresses = self._addresses(m, *pointer_step)
        self._memory(m, addresses, self._masks(m, counters))
        self._flags(m, go, wraps)
        return m

    def _loops(self, m: Module, go: Signal) -> tuple[dict[str, Signal], dict[str, Signal]]:
        """The nested counters; ``wraps[loop]`` says that all loops inside ``loop`` wrap."""
        counters, wraps = {}, {}
        inner = Const(1)
        for loop, count, _ in self.walk.address_steps()[1]:
            wraps[loop] = Signal(name=f"{loop}_steps")
            m.d.comb += wraps[loop].eq(inner)
            if count < 2:
                continue
            counters[loop] = counter = Signal(range(count), name=loop)
            at_end = counter == count - 1
            with m.If(go & wraps[loop]):
                m.d.sync += counter.eq(Mux(at_end, 0, counter + 1))
            inner = wraps[loop] & at_end
        return counters, wraps

    def _rows(
        self, m: Module, go: Signal, counters: dict[str, Signal], wraps: dict[str, Signal]
    ) -> None:
        """Counts rows in, rows out, and decides when a step may start and a beat may enter."""
        walk = self.walk
        row = counters.get("oy", Const(0))
        needs, releases = zip(*walk.row_program, strict=True)
        bits = walk.ring_rows.bit_length()
        need = rom_lookup(m, row, needs, bits, "need")
        release = rom_lookup(m, row, releases, bits, "release")

        line_beats = walk.width * walk.words
        column = Signal(range(line_beats), name="write_column")
        taken = Signal()
        row_in = Signal()
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            row_in.eq(taken & (column == line_beats - 1)),
        ]
        with m.If(taken):
            m.d.sync += column.eq(Mux(row_in, 0, column + 1))

        row_out = Signal(bits)
        m.d.comb += row_out.eq(Mux(go & wraps["oy"], release, 0))
        present = Signal(range(walk.ring_rows + 1))
        m.d.sync += present.eq(present + row_in - row_out)
        # A slot may be overwritten only after the reads under way have left the memory.
        row_free = delayed(m, row_out, 3, "row_free", reset_less=False)
        occupied = Signal(range(walk.ring_rows + 1))
        m.d.sync += occupied.eq(occupied + row_in - row_free)

        starts = self._first(m, counters)
        m.d.comb += [
            self.i.ready.eq(occupied != walk.ring_rows),
            go.eq((present >= need) & (self.i_go | ~starts)),
            self.o_starts.eq(go & starts),
        ]

    def _first(self, m: Module, counters: dict[str, Signal]) -> Signal:
        first = Signal(name="first")
        inner = [counters[loop] for loop in ("word", "kx", "ky") if loop in counters]
        m.d.comb += first.eq(~Cat(inner).any() if inner else 1)
        return first

    def _flags(self, m: Module, go: Signal, wraps: dict[str, Signal]) -> None:
        valid = delayed(m, go, self.LATENCY - 2, "valid", reset_less=False)
        first = Signal(name="starts")
        m.d.comb += [first.eq(self.o_starts), self.o_ahead.eq(valid)]
        last = Signal(name="ends")
        m.d.comb += last.eq(go & wraps["beat"])
        m.d.comb += [
            self.o_valid.eq(delayed(m, valid, 2, "valid_late", reset_less=False)),
            self.o_first.eq(delayed(m, first, self.LATENCY, "first")),
            self.o_last.eq(delayed(m, last, self.LATENCY, "last", reset_less=False)),
        ]

    def _pointer_step(
        self, m: Module, go: Signal, wraps: dict[str, Signal]
    ) -> tuple[Signal, Signal, Signal]:
        """The step of this cycle's advance, with and without the wrap of the ring."""
        depth = self.walk.depth
        step = Signal(range(depth), name="step")
        wrapped_step = Signal(depth.bit_length() + 1, name="wrapped_step")
        valid = Signal(name="step_valid")
        m.d.sync += valid.eq(go)
        for loop, _, distance in self.walk.address_steps()[1]:
            # Outer loops come later and override: the outermost that advances decides.
            with m.If(wraps[loop]):
                m.d.sync += [step.eq(distance), wrapped_step.eq(distance - depth)]
        return valid, step, wrapped_step

    def _addresses(
        self, m: Module, valid: Signal, step: Signal, wrapped_step: Signal
    ) -> list[Signal]:
        """The ring address of every parallel tap; 2 cycles after the start of the step."""
        depth = self.walk.depth
        bits = depth.bit_length() + 1
        pointer = Signal(range(depth), init=self.walk.address_steps()[0], name="pointer")
        beyond = Signal(bits, name="pointer_beyond")
        m.d.comb += beyond.eq(pointer + wrapped_step)
        with m.If(valid):
            # The sign bit of pointer + step - depth says whether the ring was left.
            m.d.sync += pointer.eq(Mux(beyond[-1], pointer + step, beyond))
        addresses = []
        for tap, offset in enumerate(self.walk.tap_offsets()):
            address = Signal(range(depth), name=f"address_{tap}")
            over = Signal(bits, name=f"address_{tap}_beyond")
            m.d.comb += over.eq(pointer + (offset - depth))
            m.d.sync += address.eq(Mux(over[-1], pointer + offset, over))
            addresses.append(address)
        return addresses

    def _masks(self, m: Module, counters: dict[str, Signal]) -> list[Signal | None]:
        """Per parallel tap: whether it lies in the image, aligned with the memory's output."""
        if all(self.walk.in_image(axis).all() for axis in (0, 1)):
            return [None] * self.walk.parallel_taps
        rows = self._axis_masks(m, 0, counters.get("oy", Const(0)), counters.get("ky"))
        columns = self._axis_masks(m, 1, counters.get("ox", Const(0)), counters.get("kx"))
        masks: list[Signal | None] = []
        for tap_y, row in enumerate(rows):
            for tap_x, column in enumerate(columns):
                inside = Signal(name=f"inside_{tap_y}_{tap_x}")
                m.d.comb += inside.eq(row & column)
                masks.append(delayed(m, inside, 3, f"inside_{tap_y}_{tap_x}"))
        return masks

    def _axis_masks(
        self, m: Module, axis: int, position: Signal | Const, tap: Signal | None
    ) -> list[Signal]:
        """One mask for each tap read in parallel along ``axis``."""
        inside = self.walk.in_image(axis)
        taps = inside.shape[1]
        table = [sum(int(bit) << k for k, bit in enumerate(line)) for line in inside]
        name = f"inside_{'yx'[axis]}"
        bits = rom_lookup(m, position, table, taps, name)
        if tap is None:
            return [bits[k] for k in range(self.walk.parallel_kernel[axis])]
        chosen = Signal(name=f"{name}_tap")
        m.d.comb += chosen.eq(bits.bit_select(tap, 1))
        return [chosen]

    def _memory(self, m: Module, addresses: list[Signal], masks: list[Signal | None]) -> None:
        depth = self.walk.depth
        style = ram_style(self.word_bits, depth)
        m.submodules.rows = memory = Memory(
            shape=self.word_bits, depth=depth, init=[], attrs={"ram_style": style}
        )
        write = memory.write_port()
        pointer = Signal(range(depth), name="write_pointer")
        m.d.comb += [
            write.addr.eq(pointer),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(write.en):
            m.d.sync += pointer.eq(Mux(pointer == depth - 1, 0, pointer + 1))
        for tap, (address, inside) in enumerate(zip(addresses, masks, strict=True)):
            read = memory.read_port(domain="sync")
            word = Signal(self.word_bits, name=f"word_{tap}", reset_less=True)
            m.d.comb += [
                read.addr.eq(address),
                read.en.eq(1),
                self.o_words.word_select(tap, self.word_bits).eq(word),
            ]
            value = read.data if inside is None else Mux(inside, read.data, self.outside)
            m.d.sync += word.eq(value)
