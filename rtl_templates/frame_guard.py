"""Makes every frame the right size, whatever arrives."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream


def marked_stream(bits: int) -> stream.Signature:
    """A stream that marks the last beat of a frame."""
    if not isinstance(bits, int) or bits < 1:
        raise ValueError(f"Bits must be a positive integer, not {bits!r}")
    return stream.Signature(data.StructLayout({"data": unsigned(bits), "last": 1}))


class FrameGuard(wiring.Component):
    """Passes frames of ``beats`` beats; completes shorter ones with 0 and cuts longer ones.

    After a frame of the wrong size the next one passes unharmed: ``last`` alone says where a
    frame ends.

    Parameters
    ----------
    bits : bits of a beat.
    beats : beats of a frame.

    Members
    -------
    i : frames as they come, with ``data`` and ``last``.
    o : frames of exactly ``beats`` beats.
    error_short, error_long : a frame ended early, or late; sticky until reset.

    Latency: none; one beat a cycle. Cost of 784 beats of 8 bits: 23 LUT, 14 FF.
    """

    def __init__(self, bits: int, beats: int) -> None:
        _check_beats(beats)
        self._beats = beats
        super().__init__(
            {
                "i": In(marked_stream(bits)),
                "o": Out(flat_stream(bits)),
                "error_short": Out(1),
                "error_long": Out(1),
            }
        )

    def model(self, frames: Sequence[Sequence[int]]) -> list[list[int]]:
        """Frames of any size to frames of ``beats`` beats."""
        return [[*frame[: self._beats], *[0] * (self._beats - len(frame))] for frame in frames]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat = Signal(range(self._beats))
        at_end = Signal()
        m.d.comb += at_end.eq(beat == self._beats - 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += beat.eq(Mux(at_end, 0, beat + 1))
        taken = self.i.valid & self.i.ready
        last = self.i.payload.last
        with m.FSM(name="frame"):
            with m.State("pass"):
                m.d.comb += [
                    self.o.valid.eq(self.i.valid),
                    self.o.payload.eq(self.i.payload.data),
                    self.i.ready.eq(self.o.ready),
                ]
                with m.If(taken & last & ~at_end):
                    m.d.sync += self.error_short.eq(1)
                    m.next = "complete"
                with m.If(taken & ~last & at_end):
                    m.d.sync += self.error_long.eq(1)
                    m.next = "swallow"
            with m.State("complete"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready & at_end):
                    m.next = "pass"
            with m.State("swallow"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken & last):
                    m.next = "pass"
        return m


class FrameMarker(wiring.Component):
    """Marks the last of every ``beats`` beats.

    Parameters
    ----------
    bits : bits of a beat.
    beats : beats of a frame.

    Members
    -------
    i : frames of ``beats`` beats.
    o : the same, with ``data`` and ``last``.

    Latency: none; one beat a cycle.
    """

    def __init__(self, bits: int, beats: int) -> None:
        _check_beats(beats)
        self._beats = beats
        super().__init__({"i": In(flat_stream(bits)), "o": Out(marked_stream(bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat = Signal(range(self._beats))
        at_end = beat == self._beats - 1
        m.d.comb += [
            self.o.payload.data.eq(self.i.payload),
            self.o.payload.last.eq(at_end),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += beat.eq(Mux(at_end, 0, beat + 1))
        return m


def _check_beats(beats: int) -> None:
    if not isinstance(beats, int) or beats < 1:
        raise ValueError(f"Beats must be a positive integer, not {beats!r}")
