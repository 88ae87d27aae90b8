"""The stream bench must find what it is there to find."""

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from streams import from_words, refuses, run_stream, to_words

from slipstick.rtl_templates.stream import flat_stream


class Faulty(wiring.Component):
    """Passes its input on, with one fault."""

    def __init__(self, fault):
        self._fault = fault
        super().__init__({"i": In(flat_stream(8)), "o": Out(flat_stream(8))})

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        m.d.sync += count.eq(count + 1)
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
        ]
        getattr(self, self._fault)(m, count)
        return m

    def none(self, m, count):
        pass

    def waits_for_ready(self, m, count):
        m.d.comb += self.o.valid.eq(self.i.valid & self.o.ready)

    def withdraws(self, m, count):
        m.d.comb += self.o.valid.eq(self.i.valid & ~count[0])

    def changes(self, m, count):
        m.d.comb += self.o.payload.eq(count)

    def depends_on_ready(self, m, count):
        m.d.comb += self.o.payload.eq(Mux(self.o.ready, self.i.payload, 0))

    def invents(self, m, count):
        with m.If(count == 100):
            m.d.comb += self.o.valid.eq(1)

    def loses(self, m, count):
        with m.If(count == 9):
            m.d.comb += [self.o.valid.eq(0), self.i.ready.eq(1)]

    def starts_valid(self, m, count):
        with m.If(count == 0):
            m.d.comb += self.o.valid.eq(1)


FAULTS = {
    "waits_for_ready": "o depends on its ready",
    "withdraws": "o changed before it was taken",
    "changes": "o changed before it was taken",
    "depends_on_ready": "o depends on its ready",
    "invents": "o gave a beat more than 50",
    "loses": "stuck after 400 cycles: i 50 of 50, o 49 of 50",
    "starts_valid": "o valid at the start",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bench_finds(fault):
    stall = 0.0 if fault in ("invents", "loses") else 0.5
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        run_stream(Faulty(fault), range(1, 51), 50, stall=stall, timeout=400)


def test_bench_passes_what_is_right():
    run = run_stream(Faulty("none"), range(50), 50, idle=0.3, stall=0.5, reset_at=20)
    assert run.output == list(range(50))


def test_bench_wants_the_streams_named():
    with refuses("streams are ['i'], given ['x']", AssertionError):
        run_stream(Faulty("none"), {"x": []}, 0)


@pytest.mark.parametrize("signed", [False, True])
def test_words_and_lanes(signed):
    lanes = from_words([0x1F8, 0x07F], 3, 4, signed)
    assert lanes.tolist() == ([[-8, -1, 1], [-1, 7, 0]] if signed else [[8, 15, 1], [15, 7, 0]])
    assert to_words(lanes, 4) == [0x1F8, 0x07F]
