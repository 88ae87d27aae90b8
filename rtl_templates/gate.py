"""Gates of powers of two: each channel of a frame is shifted by what its logit says."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory, ReadPort, WritePort
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import field
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.stream import flat_stream

BANKS = 2
"""Frames whose shifts are held: the one that passes, and the next."""


@dataclass(frozen=True)
class GateParameters:
    """What a gate is made for.

    Parameters
    ----------
    lanes, beats, pixels : channels of a beat, beats of a pixel, pixels of a frame.
    x_width, x_signed : format of a channel.
    z_width, z_signed : format of a logit.
    thresholds : on the logits' grid, falling; those not above a logit are the shift.
    lo, hi : interval of every output.
    """

    lanes: int
    beats: int
    pixels: int
    x_width: int
    x_signed: bool
    z_width: int
    z_signed: bool
    thresholds: tuple[int, ...]
    lo: int
    hi: int

    def __post_init__(self) -> None:
        for name in ("lanes", "beats", "pixels", "x_width", "z_width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                shown = name.replace("_", " ").capitalize()
                raise ValueError(f"{shown} must be a positive integer, not {value!r}")
        falling = tuple(sorted(self.thresholds, reverse=True))
        if not self.thresholds or self.thresholds != falling:
            raise ValueError(f"Thresholds must be falling integers, not {self.thresholds!r}")


class GateStream(wiring.Component):
    """``x << n``, lane by lane, ``n`` the number of thresholds not above the channel's logit.

    The logits of a frame come once, before its pixels; a table keeps the shifts of each beat for
    all pixels. It has two banks: while a frame passes, the next one's shifts are stored, so that
    frames follow each other without a gap.

    Parameters
    ----------
    parameters : formats, sizes and thresholds.

    Members
    -------
    i0 : pixels, ``beats`` beats each.
    i1 : logits, ``beats`` beats a frame, in the lanes of their channels.
    o : shifted pixels, fields of `out_width` bits.

    Latency: 2 cycles from `i0`, and one from the last logit to the first pixel; one beat a cycle.
    Cost of 8-bit pixels and logits with 7 thresholds, with Yosys 0.70 (LUT, FF): 8 lanes, 4 beats:
    310, 227 and 4 RAM32M; 1 lane, 32 beats: 56, 51 and a RAM64M.
    """

    def __init__(self, parameters: GateParameters) -> None:
        self._parameters = p = parameters
        shape = shape_for(p.lo, p.hi)
        self.out_width, self.out_signed = shape.width, shape.signed
        self._shift_bits = len(p.thresholds).bit_length()
        super().__init__(
            {
                "i0": In(flat_stream(p.lanes * p.x_width)),
                "i1": In(flat_stream(p.lanes * p.z_width)),
                "o": Out(flat_stream(p.lanes * self.out_width)),
            }
        )

    def model(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Beats of whole frames, ``(n * pixels * beats, lanes)`` and ``(n * beats, lanes)``."""
        p = self._parameters
        shifts = (z[..., None] >= np.array(p.thresholds)).sum(axis=-1)
        frames = x.reshape(-1, p.pixels, p.beats, p.lanes)
        return (frames << shifts.reshape(-1, 1, p.beats, p.lanes)).reshape(-1, p.lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self._parameters
        m.submodules.shifts = memory = Memory(
            shape=p.lanes * self._shift_bits,
            depth=BANKS << (p.beats - 1).bit_length(),
            init=[],
            attrs={"ram_style": "distributed"},
        )
        held = Signal(range(BANKS + 1))
        stored = self._store(m, memory.write_port(), held)
        moves, passing, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            moves.eq(~self.o.valid | self.o.ready),
            self.i0.ready.eq(moves & (held != 0)),
            taken.eq(self.i0.valid & self.i0.ready),
        ]
        shifts, finished = self._recall(m, memory.read_port(domain="comb"), taken)
        m.d.sync += held.eq(held + stored - finished)
        payload = Signal(len(self.i0.payload), name="payload", reset_less=True)
        amount = Signal(len(shifts), name="amount", reset_less=True)
        result = Signal(len(self.o.payload), name="result", reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(moves):
            m.d.sync += [
                passing.eq(taken),
                payload.eq(self.i0.payload),
                amount.eq(shifts),
                self.o.valid.eq(passing),
                result.eq(self._shifted(m, payload, amount)),
            ]
        return m

    def _store(self, m: Module, write: WritePort, held: Signal) -> Value:
        """Takes logits while a bank is free; says when the last of a frame is stored."""
        p = self._parameters
        taken = Signal(name="logit_taken")
        beat, ends = _count(m, taken, p.beats, "logit_beat")
        shifts = []
        for lane in range(p.lanes):
            z = field(self.i1.payload, lane, p.z_width, p.z_signed)
            shift = Signal(self._shift_bits, name=f"shift_{lane}")
            # Single bits, which synthesis balances: 5 % fewer LUTs than an encoder of their order.
            m.d.comb += shift.eq(sum(z >= threshold for threshold in p.thresholds))
            shifts.append(shift)
        m.d.comb += [
            self.i1.ready.eq(held != BANKS),
            taken.eq(self.i1.valid & self.i1.ready),
            write.en.eq(taken),
            write.addr.eq(Cat(beat, _bank(m, ends, "logit_bank"))),
            write.data.eq(Cat(shifts)),
        ]
        return ends

    def _recall(self, m: Module, read: ReadPort, taken: Signal) -> tuple[Value, Value]:
        """The shifts of the beat at `i0`, and whether it is the last of its frame."""
        p = self._parameters
        beat, pixel_ends = _count(m, taken, p.beats, "beat")
        _, frame_ends = _count(m, pixel_ends, p.pixels, "pixel")
        m.d.comb += read.addr.eq(Cat(beat, _bank(m, frame_ends, "bank")))
        return read.data, frame_ends

    def _shifted(self, m: Module, payload: Signal, amount: Signal) -> Value:
        p = self._parameters
        lanes = []
        for lane in range(p.lanes):
            shifted = Signal(self.out_width, name=f"shifted_{lane}")
            value = field(payload, lane, p.x_width, p.x_signed)
            m.d.comb += shifted.eq(value << field(amount, lane, self._shift_bits, False))
            lanes.append(shifted)
        return Cat(lanes)


def _count(m: Module, go: Signal, count: int, name: str) -> tuple[Signal, Signal]:
    """A counter of ``count`` values that advances on ``go``; whether it wraps."""
    counter = Signal(range(count), name=name)
    wraps = Signal(name=f"{name}_wraps")
    m.d.comb += wraps.eq(go & (counter == count - 1))
    with m.If(go):
        m.d.sync += counter.eq(Mux(wraps, 0, counter + 1))
    return counter, wraps


def _bank(m: Module, ends: Signal, name: str) -> Signal:
    """The bank in use, the other one after each frame."""
    bank = Signal(name=name)
    m.d.sync += bank.eq(bank ^ ends)
    return bank
