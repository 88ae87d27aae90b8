"""Makes answers for the host of results and errors."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.uart.packet import (
    ANSWER,
    CHECKSUM,
    CHECKSUM_BYTES,
    HASH_BYTES,
    STATUS_BITS,
    Status,
)

HEAD_BYTES = 3 + HASH_BYTES


class AnswerSender(wiring.Component):
    """Sends an answer for each result, and one for each error.

    Parameters
    ----------
    result_bytes : bytes of a result.
    graph_hash : at least `HASH_BYTES` bytes that tell the network from others.

    Members
    -------
    results : the bytes of results.
    sequences : the numbers of their frames.
    errors : each a `Status`. One is taken when no result is on its way.
    sequence : the number of the frame that is in error.
    o : the bytes of answers.
    answered : for one cycle: the answer to a frame has been sent.

    Cost on ECP5 with Yosys 0.70 for 20 bytes: 231 LUT4, 3 CCU2C, 66 FF.
    """

    def __init__(self, result_bytes: int, graph_hash: bytes) -> None:
        if not isinstance(result_bytes, int) or result_bytes < 1:
            raise ValueError(f"Result bytes must be a positive integer, not {result_bytes!r}")
        if len(graph_hash) < HASH_BYTES:
            raise ValueError(f"Graph hash must have {HASH_BYTES} bytes, not {len(graph_hash)}")
        self._result_bytes, self._hash = result_bytes, graph_hash[:HASH_BYTES]
        super().__init__(
            {
                "results": In(flat_stream(8)),
                "sequences": In(flat_stream(8)),
                "errors": In(flat_stream(STATUS_BITS)),
                "sequence": In(8),
                "o": Out(flat_stream(8)),
                "answered": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.checksum = checksum = CHECKSUM(data_width=8).create()
        head, failed, moved = Signal(8 * HEAD_BYTES), Signal(), Signal()
        left = Signal(range(max(self._result_bytes, HEAD_BYTES, CHECKSUM_BYTES)))
        m.d.comb += [moved.eq(self.o.valid & self.o.ready), checksum.data.eq(self.o.payload)]
        with m.If(moved):
            m.d.sync += left.eq(left - 1)
        ends = moved & (left == 0)
        with m.FSM(name="answer"):
            with m.State("wait"):
                m.d.comb += [checksum.start.eq(1), self.errors.ready.eq(1)]
                m.d.sync += [left.eq(HEAD_BYTES - 1), failed.eq(self.errors.valid)]
                with m.If(self.errors.valid):
                    m.d.sync += head.eq(self._head(self.sequence, self.errors.payload))
                    m.next = "head"
                with m.Elif(self.results.valid):
                    m.d.comb += self.sequences.ready.eq(1)
                    m.d.sync += head.eq(self._head(self.sequences.payload, Const(Status.OK, 8)))
                    m.next = "head"
            with m.State("head"):
                m.d.comb += [
                    self.o.payload.eq(head),
                    self.o.valid.eq(1),
                    checksum.valid.eq(moved),
                ]
                with m.If(moved):
                    m.d.sync += head.eq(head[8:])
                with m.If(ends):
                    m.d.sync += left.eq(Mux(failed, CHECKSUM_BYTES, self._result_bytes) - 1)
                    m.next = "result"
                    with m.If(failed):
                        m.next = "checksum"
            with m.State("result"):
                m.d.comb += [
                    self.o.payload.eq(self.results.payload),
                    self.o.valid.eq(self.results.valid),
                    self.results.ready.eq(self.o.ready),
                    checksum.valid.eq(moved),
                ]
                with m.If(ends):
                    m.d.sync += left.eq(CHECKSUM_BYTES - 1)
                    m.next = "checksum"
            with m.State("checksum"):
                place = Cat(Const(0, 3), ~left[:2])
                m.d.comb += [
                    self.o.payload.eq(checksum.crc.bit_select(place, 8)),
                    self.o.valid.eq(1),
                ]
                with m.If(ends):
                    m.d.comb += self.answered.eq(~failed)
                    m.next = "wait"
        return m

    def _head(self, sequence: Value, status: Value) -> Value:
        """What an answer begins with, first byte lowest."""
        graph = Const(int.from_bytes(self._hash, "little"), 8 * HASH_BYTES)
        return Cat(Const(ANSWER, 8), sequence, status, Const(0, 8 - len(status)), graph)
