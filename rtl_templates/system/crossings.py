"""From one clock to another: streams, values, and requests for a value."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream

DEPTH = 16
"""Beats that a stream's crossing holds; fewer would not pass one beat a cycle."""


class StreamCrossing(wiring.Component):
    """A stream from domain ``source`` to domain ``target``.

    Parameters
    ----------
    bits : bits of a beat.
    source, target : clock domains.

    Members
    -------
    i, o : streams.
    source_reset, target_reset : forget all beats; each in its domain, both at once for a while.

    Latency: about 3 cycles of either clock; one beat a cycle of the slower clock.
    """

    def __init__(self, bits: int, source: str, target: str) -> None:
        self._source, self._target = source, target
        super().__init__(
            {
                "i": In(flat_stream(bits)),
                "o": Out(flat_stream(bits)),
                "source_reset": In(1),
                "target_reset": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Domains of its own: the queue resets what counts its reads by the reset signal of the
        # domain that writes, which an inserted reset is not.
        for name, domain, reset in (
            ("write", self._source, self.source_reset),
            ("read", self._target, self.target_reset),
        ):
            m.domains += ClockDomain(name, local=True)
            m.d.comb += [
                ClockSignal(name).eq(ClockSignal(domain)),
                ResetSignal(name).eq(ResetSignal(domain) | reset),
            ]
        m.submodules.queue = queue = AsyncFIFOBuffered(
            width=len(self.i.payload), depth=DEPTH, w_domain="write", r_domain="read"
        )
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m


class ReadCrossing(wiring.Component):
    """A request in domain ``source`` that domain ``target`` answers with a word.

    Four phases: request, answer, withdrawal of both; the word stands still while it crosses.

    Parameters
    ----------
    bits : of the word.
    source, target : clock domains.

    Members
    -------
    request : held until ``acknowledge``, which lasts one cycle; then ``data`` is valid. The answer
        to a request that was given up before is for nobody.
    far_request, far_acknowledge, far_data : the same in ``target``.
    """

    def __init__(self, bits: int, source: str, target: str) -> None:
        self._source, self._target = source, target
        super().__init__(
            {
                "request": In(1),
                "acknowledge": Out(1),
                "data": Out(bits),
                "far_request": Out(1),
                "far_acknowledge": In(1),
                "far_data": In(bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        asks, asked, answered, answer = Signal(), Signal(), Signal(), Signal()
        given_up = Signal()
        m.submodules.there = FFSynchronizer(asks, asked, o_domain=self._target)
        m.submodules.back = FFSynchronizer(answered, answer, o_domain=self._source)
        near, far = m.d[self._source], m.d[self._target]
        m.d.comb += [
            self.acknowledge.eq(asks & answer & self.request & ~given_up),
            self.far_request.eq(asked & ~answered),
        ]
        with m.If(asks):
            near += [asks.eq(~answer), given_up.eq(given_up | ~self.request)]
        with m.Else():
            near += [asks.eq(self.request & ~answer), given_up.eq(0)]
        with m.If(~asked):
            far += answered.eq(0)
        with m.Elif(self.far_request & self.far_acknowledge):
            far += [answered.eq(1), self.data.eq(self.far_data)]
        return m


class ValueCrossing(wiring.Component):
    """A value that changes at any time, as it was a few cycles ago.

    Parameters
    ----------
    bits : of the value.
    source, target : clock domains.

    Members
    -------
    i, o : the value in ``source``, and in ``target``.
    """

    def __init__(self, bits: int, source: str, target: str) -> None:
        self._source, self._target = source, target
        super().__init__({"i": In(bits), "o": Out(bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.asking = asking = ReadCrossing(len(self.i), self._target, self._source)
        m.d.comb += [
            asking.request.eq(1),
            asking.far_acknowledge.eq(1),
            asking.far_data.eq(self.i),
        ]
        with m.If(asking.acknowledge):
            m.d[self._target] += self.o.eq(asking.data)
        return m
