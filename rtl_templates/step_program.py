"""The table of the steps that a walk does, where it leaves others out."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.rom import Rom
from slipstick.rtl_templates.weight_rom import LUT_DEPTH
from slipstick.rtl_templates.window_walk import WindowWalk


class StepProgram(wiring.Component):
    """Says of the step at the head of a pixel what nested counters would say.

    Parameters
    ----------
    walk : the steps, and what each loop counts in them.

    Members
    -------
    i_step : number of the step at the head, among those that are done.
    i_go : it starts in this cycle, and the next one is at the head in the next.
    o_first, o_last : whether it is the first or last of its output beat.
    o_travel : the pointer's way to the next step of the pixel, modulo the ring's depth.
    o_block, o_beat, o_ky, o_kx, o_word : what the loops count, of those that count at all.

    Latency: none, if no step starts in the first cycle after reset: the table is read a step
    ahead, from a block RAM two.
    """

    def __init__(self, walk: WindowWalk) -> None:
        steps = len(walk.kept)
        first = np.isin(np.arange(steps), walk.beat_starts)
        travel = np.diff(walk.travels, append=walk.travels[:1]) % walk.depth
        counts = {name: count for name, count in walk.loop_counts.items() if count > 1}
        loops = {name: walk.loop_of_step[name] for name in counts}
        self._tables = {"first": first, "last": np.roll(first, -1), "travel": travel, **loops}
        largest = {"first": 1, "last": 1, "travel": walk.depth - 1}
        largest |= {name: count - 1 for name, count in counts.items()}
        self._widths = {name: max(1, value.bit_length()) for name, value in largest.items()}
        members = {f"o_{name}": Out(width) for name, width in self._widths.items()}
        super().__init__({"i_step": In(range(steps)), "i_go": In(1), **members})

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields of a step, as in ``o_first``."""
        return tuple(self._tables)

    def model(self, step: int) -> dict[str, int]:
        """The fields of ``step``."""
        return {name: int(table[step]) for name, table in self._tables.items()}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        steps = len(self._tables["first"])
        words = [0] * steps
        position = 0
        places = {}
        for name, width in self._widths.items():
            places[name] = slice(position, position + width)
            for step in range(steps):
                words[step] |= self.model(step)[name] << position
            position += width
        fields = self._words(m, words, position)
        m.d.comb += [getattr(self, f"o_{name}").eq(fields[at]) for name, at in places.items()]
        return m

    def _words(self, m: Module, words: list[int], width: int) -> Value:
        """The word of the step at the head."""
        style = "lut" if len(words) <= LUT_DEPTH else "block"
        m.submodules.table = rom = Rom(words, width, style, latency=1)
        if style == "lut":
            wraps = self.i_step == len(words) - 1
            m.d.comb += rom.addr.eq(Mux(self.i_go, Mux(wraps, 0, self.i_step + 1), self.i_step))
            return rom.data
        # What comes from a block RAM comes late: so the word behind the head's is always there.
        primed, reads = Signal(name="primed"), Signal(name="reads")
        step = Signal(range(len(words)), name="read_step", init=1)
        latest = Signal(range(len(words)), name="latest_step", reset_less=True)
        m.d.comb += [reads.eq(self.i_go | ~primed), rom.addr.eq(Mux(reads, step, latest))]
        m.d.sync += primed.eq(1)
        with m.If(reads):
            m.d.sync += [latest.eq(step), step.eq(Mux(step == len(words) - 1, 0, step + 1))]
        head = Signal(width, name="head", init=words[0])
        with m.If(self.i_go):
            m.d.sync += head.eq(rom.data)
        return head
