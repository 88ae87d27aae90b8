"""A stream core on a serial line."""

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.frame_guard import FrameMarker
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.system.parameters import TensorFormat
from slipstick.rtl_templates.uart.answer_sender import AnswerSender
from slipstick.rtl_templates.uart.beats import BeatsFromBytes, BytesFromBeats
from slipstick.rtl_templates.uart.frame_store import FrameStore
from slipstick.rtl_templates.uart.line import UartReceiver, UartTransmitter
from slipstick.rtl_templates.uart.packet import WINDOW
from slipstick.rtl_templates.uart.packet_receiver import PacketReceiver


class StreamCore(wiring.Component):
    """The stream core, an instance of its Verilog module.

    Parameters
    ----------
    module : its name.
    frame, result : its input and output.

    Members
    -------
    i, o : frames and results, without marks.
    """

    def __init__(self, module: str, frame: TensorFormat, result: TensorFormat) -> None:
        self._module, self._frame = module, frame
        super().__init__({"i": In(flat_stream(frame.bits)), "o": Out(flat_stream(result.bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.marker = marker = FrameMarker(self._frame.bits, self._frame.beats)
        wiring.connect(m, wiring.flipped(self.i), marker.i)
        m.submodules.core = Instance(
            self._module,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_i_data=marker.o.payload.data,
            i_i_last=marker.o.payload.last,
            i_i_valid=marker.o.valid,
            o_i_ready=marker.o.ready,
            o_o_data=self.o.payload,
            o_o_valid=self.o.valid,
            i_o_ready=self.o.ready,
        )
        return m


class UartSystem(wiring.Component):
    """Answers each frame that comes on a serial line with the core's result, in order.

    The line is slow beside everything behind it: there is a byte in 80 cycles at most.

    Parameters
    ----------
    core : with streams ``i`` and ``o`` of frames and results.
    frame, result : how they lie in packets, and on those streams.
    graph_hash : tells the network from others; the first bytes are in every answer.
    divisor : cycles a bit.
    timeout : cycles without a byte that are silence.

    Members
    -------
    rx, tx : the line; ``rx`` is in no clock domain.
    """

    def __init__(
        self,
        core: wiring.Component,
        frame: TensorFormat,
        result: TensorFormat,
        graph_hash: bytes,
        divisor: int,
        timeout: int,
    ) -> None:
        self._core, self._frame, self._result = core, frame, result
        self._receiver, self._transmitter = UartReceiver(divisor), UartTransmitter(divisor)
        self._packets = PacketReceiver(frame.bytes, timeout)
        self._answers = AnswerSender(result.bytes, graph_hash)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = self._receiver
        m.submodules.packets = packets = self._packets
        m.submodules.store = store = FrameStore(self._frame.bytes, WINDOW)
        m.submodules.beats = beats = BeatsFromBytes(self._frame)
        m.submodules.core = self._core
        m.submodules.bytes = results = BytesFromBeats(self._result)
        m.submodules.answers = answers = self._answers
        m.submodules.transmitter = transmitter = self._transmitter
        m.d.comb += [
            receiver.rx.eq(self.rx),
            packets.data.eq(receiver.data),
            packets.valid.eq(receiver.valid),
            packets.framing.eq(receiver.framing),
            store.data.eq(receiver.data),
            store.write.eq(packets.write),
            store.keep.eq(packets.keep),
            store.drop.eq(packets.drop),
            answers.sequence.eq(packets.sequence),
            self.tx.eq(transmitter.tx),
        ]
        for source, target in (
            (store.o, beats.i),
            (beats.o, self._core.i),
            (self._core.o, results.i),
            (results.o, answers.results),
            (packets.errors, answers.errors),
            (answers.o, transmitter.i),
        ):
            wiring.connect(m, source, target)
        self._number(m)
        return m

    def _number(self, m: Module) -> None:
        """Keeps the numbers of frames that are not answered yet, and how many these are."""
        packets, answers = self._packets, self._answers
        m.submodules.sequences = sequences = Fifo(len(packets.sequence), WINDOW)
        unanswered = Signal(range(WINDOW + 1))
        m.d.comb += [
            sequences.i.payload.eq(packets.sequence),
            sequences.i.valid.eq(packets.keep),
            packets.full.eq(unanswered == WINDOW),
            packets.idle.eq(unanswered == 0),
        ]
        wiring.connect(m, sequences.o, answers.sequences)
        m.d.sync += unanswered.eq(unanswered + packets.keep - answers.answered)
