"""Two streams into one: an exact sum, or one after the other."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import field
from slipstick.rtl_templates.numbers import shape_for
from slipstick.rtl_templates.stream import flat_stream


@dataclass(frozen=True)
class Branch:
    """How a branch's lanes enter a join.

    Parameters
    ----------
    width, signed : format of a lane.
    shift : bits it is shifted left, to meet the others' grid.
    """

    width: int
    signed: bool
    shift: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"Width must be a positive integer, not {self.width!r}")
        if self.shift < 0:
            raise ValueError(f"Shift must be a non-negative integer, not {self.shift!r}")


class AddStreams(wiring.Component):
    """``(a << shift_a) + (b << shift_b)``, lane by lane, exact.

    Parameters
    ----------
    lanes : channels of a beat.
    a, b : the branches.
    lo, hi : interval of every sum.

    Members
    -------
    i0, i1 : the branches.
    o : their sums, fields of `out_width` bits.

    Latency: 1 cycle; one beat a cycle. Cost: one LUT a bit of the sum, and its flip-flop.
    """

    def __init__(self, lanes: int, a: Branch, b: Branch, lo: int, hi: int) -> None:
        _check_lanes(lanes)
        self._lanes, self._branches = lanes, (a, b)
        shape = shape_for(lo, hi)
        self.out_width, self.out_signed = shape.width, shape.signed
        super().__init__(
            {
                "i0": In(flat_stream(lanes * a.width)),
                "i1": In(flat_stream(lanes * b.width)),
                "o": Out(flat_stream(lanes * self.out_width)),
            }
        )

    def model(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Beats ``(n, lanes)`` of both branches to the sums."""
        return (a << self._branches[0].shift) + (b << self._branches[1].shift)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        take = Signal()
        free = Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            take.eq(self.i0.valid & self.i1.valid & free),
            self.i0.ready.eq(take),
            self.i1.ready.eq(take),
        ]
        a, b = self._branches
        sums = []
        for lane in range(self._lanes):
            total = Signal(self.out_width, name=f"sum_{lane}")
            left = field(self.i0.payload, lane, a.width, a.signed) << a.shift
            right = field(self.i1.payload, lane, b.width, b.signed) << b.shift
            m.d.comb += total.eq(left + right)
            sums.append(total)
        result = Signal(len(self.o.payload), name="result", reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(free):
            m.d.sync += [self.o.valid.eq(take), result.eq(Cat(sums))]
        return m


class ConcatStreams(wiring.Component):
    """For each pixel all beats of the first branch, then all of the second, and so on.

    Parameters
    ----------
    lanes : channels of a beat, in all branches.
    beats : beats of one pixel, branch by branch.
    branches : formats.
    out_width : bits of an output lane.

    Members
    -------
    i0, i1, ... : the branches.
    o : the channels of all.

    Latency: none; one beat a cycle. Cost: one LUT an output bit, for up to 3 branches.
    """

    def __init__(
        self, lanes: int, beats: tuple[int, ...], branches: tuple[Branch, ...], out_width: int
    ) -> None:
        if len(beats) != len(branches) or len(beats) < 2:
            raise ValueError(f"Beats must be given for each of 2 or more branches, not {beats!r}")
        if min(beats) < 1:
            raise ValueError(f"Beats must be positive integers, not {beats!r}")
        _check_lanes(lanes)
        self._lanes, self._beats, self._branches = lanes, beats, branches
        self._out_width = out_width
        ports = {
            f"i{index}": In(flat_stream(lanes * branch.width))
            for index, branch in enumerate(branches)
        }
        super().__init__({**ports, "o": Out(flat_stream(lanes * out_width))})

    def model(self, *branches: np.ndarray) -> np.ndarray:
        """Beats ``(n_i, lanes)`` of each branch to the beats of the whole."""
        pixels = len(branches[0]) // self._beats[0]
        aligned = [
            (values << branch.shift).reshape(pixels, beats, self._lanes)
            for values, branch, beats in zip(branches, self._branches, self._beats, strict=True)
        ]
        return np.concatenate(aligned, axis=1).reshape(-1, self._lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        turn = Signal(range(len(self._beats)))
        beat = Signal(range(max(self._beats)))
        with m.Switch(turn):
            for index, (branch, beats) in enumerate(zip(self._branches, self._beats, strict=True)):
                port = getattr(self, f"i{index}")
                with m.Case(index):
                    m.d.comb += [self.o.valid.eq(port.valid), port.ready.eq(self.o.ready)]
                    for lane in range(self._lanes):
                        value = field(port.payload, lane, branch.width, branch.signed)
                        m.d.comb += self.o.payload.word_select(lane, self._out_width).eq(
                            value << branch.shift
                        )
                    following = 0 if index == len(self._beats) - 1 else index + 1
                    with m.If(self.o.valid & self.o.ready):
                        ends = beat == beats - 1
                        m.d.sync += [
                            beat.eq(Mux(ends, 0, beat + 1)),
                            turn.eq(Mux(ends, following, turn)),
                        ]
        return m


def _check_lanes(lanes: int) -> None:
    if not isinstance(lanes, int) or lanes < 1:
        raise ValueError(f"Lanes must be a positive integer, not {lanes!r}")
