"""Index of the largest channel."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import delayed, field, lane_shape, tree_latency
from slipstick.rtl_templates.credits import ROUND_TRIP, Credits
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.weight_rom import FieldRom
from slipstick.streams import PAD, Layout


@dataclass(frozen=True)
class _Contender:
    value: Value
    channel: Value
    real: Value


class Argmax(wiring.Component):
    """For each pixel the index of its largest channel; the lowest index wins a tie.

    Parameters
    ----------
    layout : of the input.
    width, signed : format of a channel.

    Members
    -------
    i : stream in ``layout``.
    o : one beat a pixel.

    Latency: 3 cycles, the tree over the lanes, and the FIFO, from a pixel's last beat; one beat
    a cycle. Cost of 10 channels of 12 bits with Yosys 0.70 (LUT, FF): 1 lane 33, 76; 2 lanes 60,
    112 and a RAM32M; 10 lanes 282, 444 and a RAM32M.
    """

    def __init__(self, layout: Layout, width: int, signed: bool) -> None:
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"Width must be a positive integer, not {width!r}")
        if not layout.order:
            raise ValueError(f"Layout must carry at least one channel, not {layout.beats!r}")
        self._layout, self._width, self._signed = layout, width, signed
        self._index_bits = max((len(layout.order) - 1).bit_length(), 1)
        super().__init__(
            {
                "i": In(flat_stream(layout.lanes * width)),
                "o": Out(flat_stream(self._index_bits)),
            }
        )

    def model(self, beats: np.ndarray) -> np.ndarray:
        """Beats ``(n, lanes)`` of whole pixels to the indices ``(pixels, 1)``."""
        pixels = beats.reshape(-1, len(self._layout.beats) * self._layout.lanes)
        places = np.array([c for beat in self._layout.beats for c in beat])
        ordered = np.empty((len(pixels), len(self._layout.order)), beats.dtype)
        ordered[:, places[places != PAD]] = pixels[:, places != PAD]
        return np.argmax(ordered, axis=1)[:, None]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beats = len(self._layout.beats)
        depth = FieldRom.AHEAD + tree_latency(self._layout.lanes)
        # A pixel holds its place from its first beat until its result has left.
        places = -(-(depth + 1 + ROUND_TRIP) // beats) + 1
        m.submodules.credits = credits = Credits(places)
        m.submodules.results = results = Fifo(self._index_bits, places)
        wiring.connect(m, wiring.flipped(self.o), results.o)
        beat = Signal(range(beats))
        taken, first, last = Signal(), Signal(), Signal()
        m.d.comb += [
            first.eq(beat == 0),
            last.eq(taken & (beat == beats - 1)),
            self.i.ready.eq(credits.o_some | ~first),
            taken.eq(self.i.valid & self.i.ready),
            credits.i_take.eq(taken & first),
            credits.i_give.eq(results.o.valid & results.o.ready),
        ]
        with m.If(taken):
            m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
        winner = self._winner_of_beat(m, taken)
        valid = delayed(m, taken, depth, "taken", reset_less=False)
        best = self._winner_of_pixel(m, winner, valid, delayed(m, first, depth, "first"))
        m.d.comb += [
            results.i.payload.eq(best),
            results.i.valid.eq(delayed(m, last, depth + 1, "last", reset_less=False)),
        ]
        return m

    def _winner_of_beat(self, m: Module, taken: Signal) -> _Contender:
        rom = FieldRom(len(self._layout.beats))
        payload = Signal(len(self.i.payload), name="payload")
        m.d.comb += payload.eq(self.i.payload)
        late = delayed(m, payload, FieldRom.AHEAD, "payload")
        level = []
        for lane in range(self._layout.lanes):
            column = [beat[lane] for beat in self._layout.beats]
            channel = rom.field([max(c, 0) for c in column], self._index_bits, f"channel_{lane}")
            real = rom.field([int(c != PAD) for c in column], 1, f"real_{lane}")
            level.append(_Contender(field(late, lane, self._width, self._signed), channel, real))
        rom.attach(m, taken)
        depth = 0
        while len(level) > 1:
            pairs = [_better(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
            level = [
                self._registered(m, contender, f"{depth}_{index}")
                for index, contender in enumerate(pairs + level[len(pairs) * 2 :])
            ]
            depth += 1
        return level[0]

    def _registered(self, m: Module, contender: _Contender, name: str) -> _Contender:
        value = Signal(lane_shape(self._width, self._signed), name=f"value_{name}")
        channel = Signal(self._index_bits, name=f"channel_{name}")
        real = Signal(name=f"real_{name}")
        m.d.sync += [
            value.eq(contender.value),
            channel.eq(contender.channel),
            real.eq(contender.real),
        ]
        return _Contender(value, channel, real)

    def _winner_of_pixel(
        self, m: Module, winner: _Contender, valid: Signal, first: Signal
    ) -> Signal:
        value = Signal(lane_shape(self._width, self._signed), name="best_value")
        channel = Signal(unsigned(self._index_bits), name="best_channel")
        known = Signal(name="best_known")
        chosen = _better(_Contender(value, channel, known & ~first), winner)
        with m.If(valid):
            m.d.sync += [
                value.eq(chosen.value),
                channel.eq(chosen.channel),
                known.eq(chosen.real),
            ]
        return channel


def _better(a: _Contender, b: _Contender) -> _Contender:
    wins = a.real & (
        ~b.real | (a.value > b.value) | ((a.value == b.value) & (a.channel < b.channel))
    )
    return _Contender(Mux(wins, a.value, b.value), Mux(wins, a.channel, b.channel), a.real | b.real)
