"""From memory to the stream core and back."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.frame_addresses import FrameAddresses
from slipstick.rtl_templates.system.packer import Packer
from slipstick.rtl_templates.system.parameters import TensorFormat
from slipstick.rtl_templates.system.read_master import ReadMaster
from slipstick.rtl_templates.system.unpacker import Unpacker
from slipstick.rtl_templates.system.words import OFFSET_BITS
from slipstick.rtl_templates.system.write_master import WriteMaster

READ_EVENTS = {
    "frames_read": "frame_read",
    "read_bursts": "burst",
    "read_beats": "beat",
    "read_slverr": "slverr",
    "read_decerr": "decerr",
}
"""What the reader tells, by the name under which it is counted or flagged."""
WRITE_EVENTS = {
    "frames_written": "frame_written",
    "write_bursts": "burst",
    "write_beats": "beat",
    "write_stalls": "waiting",
    "write_slverr": "slverr",
    "write_decerr": "decerr",
}
"""The same of the writer."""


class DataPath(wiring.Component):
    """Reads the frames of a batch for the stream core, and writes its results.

    Parameters
    ----------
    frame, result : formats on the streams and in memory.

    Members
    -------
    begin : a batch begins; the numbers below are taken.
    source, source_stride, destination, destination_stride, frames : where, and how many.
    read, write : the bus.
    o, i : frames to the stream core, results from it.
    stop : ask for no more bursts.
    idle : the bus owes no answer.
    progress : something moved.
    read_stalls : a word is wanted and not there.
    every name of `READ_EVENTS` and `WRITE_EVENTS` : it happens in this cycle.
    """

    def __init__(self, frame: TensorFormat, result: TensorFormat) -> None:
        self._frame, self._result = frame, result
        numbers = ("source", "source_stride", "destination", "destination_stride", "frames")
        super().__init__(
            {
                "begin": In(1),
                **{name: In(32) for name in numbers},
                "read": Out(axi.READ),
                "write": Out(axi.WRITE),
                "o": Out(flat_stream(frame.bits)),
                "i": In(flat_stream(result.bits)),
                "stop": In(1),
                "idle": Out(1),
                "progress": Out(1),
                "read_stalls": Out(1),
                **{name: Out(1) for name in (*READ_EVENTS, *WRITE_EVENTS)},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = ReadMaster(self._frame.bytes)
        m.submodules.writer = writer = WriteMaster()
        wiring.connect(m, wiring.flipped(self.read), reader.bus)
        wiring.connect(m, wiring.flipped(self.write), writer.bus)
        self._read(m, reader)
        self._write(m, writer)
        m.d.comb += [
            reader.stop.eq(self.stop),
            writer.stop.eq(self.stop),
            self.idle.eq(reader.idle & writer.idle),
            self.progress.eq(
                reader.burst
                | reader.beat
                | writer.burst
                | writer.beat
                | writer.frame_written
                | (self.o.valid & self.o.ready)
                | (self.i.valid & self.i.ready)
            ),
            [getattr(self, name).eq(getattr(reader, e)) for name, e in READ_EVENTS.items()],
            [getattr(self, name).eq(getattr(writer, e)) for name, e in WRITE_EVENTS.items()],
        ]
        return m

    def _read(self, m: Module, reader: ReadMaster) -> None:
        f = self._frame
        m.submodules.sources = sources = FrameAddresses()
        m.submodules.unpacker = unpacker = Unpacker(
            f.elements, f.lanes, f.width, f.element_bytes, f.beats
        )
        m.d.comb += [
            sources.start.eq(self.begin),
            sources.first.eq(self.source),
            sources.stride.eq(self.source_stride),
            sources.frames.eq(self.frames),
            # Behind the last frame nothing is there to be wanted.
            self.read_stalls.eq(unpacker.wanting & (sources.o.valid | ~reader.idle)),
        ]
        wiring.connect(m, sources.o, reader.i)
        wiring.connect(m, reader.o, unpacker.i)
        wiring.connect(m, unpacker.o, wiring.flipped(self.o))

    def _write(self, m: Module, writer: WriteMaster) -> None:
        r = self._result
        m.submodules.targets = targets = FrameAddresses()
        m.submodules.fork = fork = Fork(axi.ADDRESS_BITS, 2)
        m.submodules.packer = packer = Packer(
            r.elements, r.lanes, r.width, r.signed, r.element_bytes, r.beats
        )
        m.d.comb += [
            targets.start.eq(self.begin),
            targets.first.eq(self.destination),
            targets.stride.eq(self.destination_stride),
            targets.frames.eq(self.frames),
            packer.offsets.payload.eq(fork.o0.payload[:OFFSET_BITS]),
            packer.offsets.valid.eq(fork.o0.valid),
            fork.o0.ready.eq(packer.offsets.ready),
        ]
        wiring.connect(m, targets.o, fork.i)
        wiring.connect(m, fork.o1, writer.commands)
        wiring.connect(m, wiring.flipped(self.i), packer.i)
        wiring.connect(m, packer.o, writer.i)
