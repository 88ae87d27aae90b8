"""A ring of rows in RAM, and the pointer that walks over it."""

from abc import abstractmethod

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.block_shapes import BLOCKS
from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.step_program import StepProgram
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.window_walk import WindowWalk

LUTS_PER_BLOCK = 100
"""LUTs that are worth half a block RAM: a quarter of their ratio on a 7-series part."""


def ram_style(width: int, depth: int) -> str:
    """``"distributed"`` where a RAM takes few LUTs for the block RAMs it would leave empty."""
    luts = -(-depth // 64) * width * 4 // 3
    blocks = min(
        -(-width // wide) * -(-depth // deep) for halves, wide, deep in BLOCKS if halves == 1
    )
    return "distributed" if luts <= LUTS_PER_BLOCK * blocks else "block"


Way = tuple[Value, Value | None]
"""A distance in the ring, and that minus the ring's depth where an address can leave it."""


class RowRing(wiring.Component):
    """Stores a stream of pixels and replays it step by step, as a `WindowWalk` says.

    A ring of rows in RAM. Frames follow each other in it without a gap, so that the rows of
    the next frame arrive while the last windows of this one are read. What a step reads,
    relative to the pointer, is up to the kind of reader.

    Parameters
    ----------
    walk : the order of reading.
    in_bits, out_bits : bits of a stored word, and of what a step reads.

    Members
    -------
    i : stream of pixels, ``words`` beats each.
    i_go : the step at the head may start an output beat; looked at on first steps only.
    o_starts : a first step starts in this cycle.
    o_ahead : `o_valid`, two cycles early.
    o_valid, o_first, o_last : a step; whether it is the first or last of its output beat.
    o_words : what it reads.

    Latency: 4 cycles from the start of a step to `o_valid`.
    """

    LATENCY = 4

    def __init__(self, walk: WindowWalk, in_bits: int, out_bits: int) -> None:
        self.walk = walk
        super().__init__(
            {
                "i": In(flat_stream(in_bits)),
                "i_go": In(1),
                "o_starts": Out(1),
                "o_ahead": Out(1),
                "o_valid": Out(1),
                "o_first": Out(1),
                "o_last": Out(1),
                "o_words": Out(out_bits),
            }
        )

    @abstractmethod
    def gather(self, frame: np.ndarray) -> np.ndarray:
        """The integer model: a frame ``(H*W*words, lanes)`` to ``(cycles, taps, lanes)``."""

    @abstractmethod
    def _read(self, m: Module, counters: dict[str, Signal], pointer: Signal) -> None:
        """Memory, addresses and masks: from the loops' counters to `o_words`."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        go = Signal()
        counters, wraps = self._loops(m, go)
        if self.walk.skipped:
            self._program(m, go, counters, wraps)
        self._rows(m, go, counters, wraps)
        self._read(m, counters, self._pointer(m, *self._pointer_step(m, go, counters, wraps)))
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

    def _program(
        self, m: Module, go: Signal, counters: dict[str, Value], wraps: dict[str, Signal]
    ) -> None:
        """What the loops inside a pixel would count, from the table of the steps that are done.

        Adds to ``counters`` those loops, ``first``, and ``travel``, the pointer's way to the next
        step; to ``wraps`` the end of an output beat.
        """
        m.submodules.program = program = StepProgram(self.walk)
        m.d.comb += [program.i_go.eq(go), program.i_step.eq(counters.get("step", Const(0)))]
        counters |= {name: getattr(program, f"o_{name}") for name in program.fields}
        wraps["beat"] = program.o_last

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
        if "first" in counters:
            return counters["first"]
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
        self, m: Module, go: Signal, counters: dict[str, Signal], wraps: dict[str, Signal]
    ) -> tuple[Signal, Way]:
        """Whether the pointer moves in this cycle, and how far."""
        valid = Signal(name="step_valid")
        m.d.sync += valid.eq(go)
        way = self._way_signals("step")
        for loop, _, constant in self.walk.address_steps()[1]:
            distance = counters["travel"] if loop == "step" else constant
            # Outer loops come later and override: the outermost that advances decides.
            with m.If(wraps[loop]):
                self._set_way(m, way, distance)
        return valid, way

    def _pointer(self, m: Module, valid: Signal, way: Way) -> Signal:
        """The pointer of a step, in the cycle after its start."""
        first, _ = self.walk.address_steps()
        pointer = Signal(range(self.walk.depth), init=first, name="pointer")
        after = self._after(m, pointer, way, "pointer")
        with m.If(valid):
            m.d.sync += pointer.eq(after)
        return pointer

    def _address(self, m: Module, pointer: Signal, way: Way, name: str) -> Signal:
        """The place ``way`` behind ``pointer``, 2 cycles after the start of the step."""
        address = Signal(range(self.walk.depth), name=name)
        m.d.sync += address.eq(self._after(m, pointer, way, name))
        return address

    def _after(self, m: Module, pointer: Signal, way: Way, name: str) -> Value:
        distance, wrapped = way
        if wrapped is None:
            return (pointer + distance)[: len(pointer)]
        # What is added is chosen before the adder, in its LUTs: choosing a sum takes more.
        leaves = Signal(name=f"{name}_leaves")
        if isinstance(wrapped, Const):
            m.d.comb += leaves.eq(pointer >= -wrapped.value)
        else:
            beyond = Signal(self.walk.depth.bit_length() + 1, name=f"{name}_beyond")
            m.d.comb += [beyond.eq(pointer + wrapped), leaves.eq(~beyond[-1])]
        return (pointer + Mux(leaves, wrapped, distance))[: len(pointer)]

    def _constant_way(self, distance: int) -> Way:
        wrapped = None if self._wraps_itself else Const(distance - self.walk.depth)
        return Const(distance, range(self.walk.depth)), wrapped

    def _way_signals(self, name: str) -> Way:
        """Registers for a way that changes."""
        depth = self.walk.depth
        distance = Signal(range(depth), name=name, reset_less=True)
        if self._wraps_itself:
            return distance, None
        return distance, Signal(range(-depth, 0), name=f"wrapped_{name}", reset_less=True)

    def _set_way(self, m: Module, way: Way, distance: ValueLike) -> None:
        """Loads the registers ``way`` with the way of ``distance``."""
        forward, wrapped = way
        m.d.sync += forward.eq(distance)
        if wrapped is not None:
            m.d.sync += wrapped.eq(distance - self.walk.depth)

    @property
    def _wraps_itself(self) -> bool:
        """Whether an address that leaves the ring is right without its upper bits."""
        return self.walk.depth.bit_count() == 1

    def _write_address(self, m: Module) -> Signal:
        """Where the next word is stored."""
        depth = self.walk.depth
        pointer = Signal(range(depth), name="write_pointer")
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += pointer.eq(Mux(pointer == depth - 1, 0, pointer + 1))
        return pointer
