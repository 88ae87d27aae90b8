"""Changes how many channels of a pixel travel side by side."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.stream import flat_stream
from slipstick.streams import PAD, Layout, common_run


class Regroup(wiring.Component):
    """From one layout to another with the same order of channels.

    Beats are split into runs of ``run`` channels and the runs gathered into the target's beats;
    ``run`` is the largest number with which both layouts are cut at the same places. Pads are
    dropped from the source's beats and filled with 0 in the target's.

    Parameters
    ----------
    source, target : the layouts.
    width : bits of a channel.

    Members
    -------
    i, o : streams in layout ``source`` and ``target``.

    Latency: none; one run a cycle, `slipstick.streams.cycles_between` a pixel.

    Cost of 8-bit channels with Yosys 0.70 (LUT, FF): 16 lanes to 4: 35, 2; 4 to 16: 39, 98; 64
    to 1: 219, 6; 1 to 64: 89, 510; 4 to 6: 39, 35.
    """

    def __init__(self, source: Layout, target: Layout, width: int) -> None:
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"Width must be a positive integer, not {width!r}")
        for beat in source.beats + target.beats:
            _check_beat(beat)
        self._source, self._target, self._width = source, target, width
        self.run = common_run(source, target)
        super().__init__(
            {
                "i": In(flat_stream(source.lanes * width)),
                "o": Out(flat_stream(target.lanes * width)),
            }
        )

    def model(self, beats: np.ndarray) -> np.ndarray:
        """Beats ``(n, lanes)`` of whole pixels in the source's layout to the target's."""
        pixels = beats.reshape(-1, len(self._source.beats) * self._source.lanes)
        places = {c: p for p, c in enumerate(c for b in self._source.beats for c in b)}
        padded = np.concatenate([pixels, np.zeros((len(pixels), 1), beats.dtype)], axis=1)
        picks = [-1 if c == PAD else places[c] for b in self._target.beats for c in b]
        return padded[:, picks].reshape(-1, self._target.lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = self.run * self._width
        run, valid = Signal(bits, name="run"), Signal(name="run_valid")
        ready = Signal(name="run_ready")
        self._split(m, run, valid, ready)
        self._gather(m, run, valid, ready)
        return m

    def _split(self, m: Module, run: Signal, valid: Signal, ready: Signal) -> None:
        counts = [len(runs) for runs in self._source.runs(self.run)]
        moved = Signal(name="run_moved")
        index, last = _position(m, counts, moved, "split")
        m.d.comb += [
            run.eq(self._run_of(m, index)),
            valid.eq(self.i.valid),
            moved.eq(valid & ready),
            self.i.ready.eq(ready & last),
        ]

    def _run_of(self, m: Module, index: Value) -> Value:
        """Run number ``index`` of the beat: a multiplexer, since a select by an index times the
        run's width would be a multiplication."""
        bits = self.run * self._width
        most = max(len(runs) for runs in self._source.runs(self.run))
        if most == 1:
            return self.i.payload[:bits]
        chosen = Signal(bits, name="chosen_run")
        with m.Switch(index):
            for number in range(most):
                with m.Case(number):
                    m.d.comb += chosen.eq(self.i.payload[number * bits : (number + 1) * bits])
        return chosen

    def _gather(self, m: Module, run: Signal, valid: Signal, ready: Signal) -> None:
        counts = [len(runs) for runs in self._target.runs(self.run)]
        moved = Signal(name="gather_moved")
        index, last = _position(m, counts, moved, "gather")
        for slot in range(max(counts)):
            # Assigned in parts under a condition, the payload stays one vector in the Verilog.
            field = self.o.payload[slot * len(run) : (slot + 1) * len(run)]
            if slot == max(counts) - 1:
                with m.If(index == slot):
                    m.d.comb += field.eq(run)
                continue
            kept = Signal(len(run), name=f"kept_{slot}", reset_less=True)
            with m.If(moved & (index == slot)):
                m.d.sync += kept.eq(run)
            may_end, may_be_beyond = slot + 1 in counts, min(counts) <= slot
            with m.If(index > slot if may_be_beyond else Const(1)):
                m.d.comb += field.eq(kept)
            if may_end:
                with m.If(index == slot):
                    m.d.comb += field.eq(run)
        m.d.comb += [
            self.o.valid.eq(valid & last),
            ready.eq(self.o.ready | ~last),
            moved.eq(valid & ready),
        ]


def _check_beat(beat: tuple[int, ...]) -> None:
    channels = [channel for channel in beat if channel != PAD]
    if not channels:
        raise ValueError(f"Layouts must have a channel in every beat, not {beat!r}")
    if PAD in beat[: len(channels)]:
        raise ValueError(f"Layouts must have pads only after the channels of a beat, not {beat!r}")


def _period(values: Sequence[int]) -> int:
    """The shortest length after which ``values`` repeat, a divisor of their number."""
    return next(
        n
        for n in range(1, len(values) + 1)
        if len(values) % n == 0 and list(values[:n]) * (len(values) // n) == list(values)
    )


def _position(m: Module, counts: list[int], moved: Signal, name: str) -> tuple[Value, Value]:
    """Which run of its beat passes, and whether it is the beat's last."""
    counts = counts[: _period(counts)]
    if max(counts) == 1:
        return Const(0), Const(1)
    index = Signal(range(max(counts)), name=f"{name}_index")
    last = Signal(name=f"{name}_last")
    if len(counts) == 1:
        m.d.comb += last.eq(index == counts[0] - 1)
    else:
        beat = Signal(range(len(counts)), name=f"{name}_beat")
        final = rom_lookup(m, beat, [n - 1 for n in counts], len(index), f"{name}_final")
        m.d.comb += last.eq(index == final)
        with m.If(moved & last):
            m.d.sync += beat.eq(Mux(beat == len(counts) - 1, 0, beat + 1))
    with m.If(moved):
        m.d.sync += index.eq(Mux(last, 0, index + 1))
    return index, last
