"""The serial line: bytes, beats, packets with every kind of damage, and a core behind them."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from serial_line import DIVISOR, FRAMING_ERROR, TIMEOUT, SimulatedPort
from streams import refuses, run_stream

from slipstick.ecp5.packets import (
    ANSWER_HEAD_BYTES,
    Answer,
    answer_packet,
    answer_tail_bytes,
    frame_packet,
    read_answer,
)
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.stream import flat_stream
from slipstick.rtl_templates.system.parameters import TensorFormat
from slipstick.rtl_templates.uart.answer_sender import AnswerSender
from slipstick.rtl_templates.uart.beats import BeatsFromBytes, BytesFromBeats
from slipstick.rtl_templates.uart.frame_store import FrameStore
from slipstick.rtl_templates.uart.line import UartReceiver, UartTransmitter
from slipstick.rtl_templates.uart.packet import FRAME, HASH_BYTES, WINDOW, Status
from slipstick.rtl_templates.uart.packet_receiver import PacketReceiver
from slipstick.rtl_templates.uart.uart_system import UartSystem
from slipstick.streams import Layout, element_bytes, pack

GRAPH_HASH = bytes(range(0x30, 0x40))
BYTES = TensorFormat((1,), 1, 8, False, 1, 5)
SILENCE = 0.1
FRAMES = [bytes(random.Random(seed).randbytes(BYTES.bytes)) for seed in range(8)]
SLOW = 800
"""Cycles a byte of a core that takes much longer than the line."""


class Loop(wiring.Component):
    """From a transmitter's line into a receiver."""

    def __init__(self, divisor):
        self._divisor = divisor
        super().__init__({"i": In(flat_stream(8)), "o": Out(flat_stream(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.kept = kept = Fifo(8, 64)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        wiring.connect(m, kept.o, wiring.flipped(self.o))
        m.d.comb += [
            receiver.rx.eq(transmitter.tx),
            kept.i.payload.eq(receiver.data),
            kept.i.valid.eq(receiver.valid),
        ]
        return m


class Inverter(wiring.Component):
    """Stands for a stream core: inverts every byte, ``delay`` cycles after the last one."""

    def __init__(self, delay):
        self._delay = delay
        super().__init__({"i": In(flat_stream(8)), "o": Out(flat_stream(8))})

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(self._delay + 1), init=self._delay)
        done = left == 0
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += left.eq(self._delay)
        with m.Elif(~done):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [
            self.o.payload.eq(~self.i.payload),
            self.o.valid.eq(self.i.valid & done),
            self.i.ready.eq(self.o.ready & done),
        ]
        return m


def port_to(delay=0, **options):
    system = UartSystem(Inverter(delay), BYTES, BYTES, GRAPH_HASH, DIVISOR, TIMEOUT)
    port = SimulatedPort(system, SILENCE, **options)
    port.timeout = 5 * SILENCE
    return port


def answers(port):
    """All answers up to a silence."""
    found = []
    while head := port.read(ANSWER_HEAD_BYTES):
        answer = read_answer(head + port.read(answer_tail_bytes(head, BYTES.bytes)))
        assert answer, "the board must not send damaged answers"
        found.append(answer)
    return found


def good(sequence, frame):
    inverted = bytes(~byte & 0xFF for byte in frame)
    return Answer(sequence, Status.OK, GRAPH_HASH[:HASH_BYTES], inverted)


def error(sequence, status):
    return Answer(sequence, status, GRAPH_HASH[:HASH_BYTES], b"")


def on_line(levels, divisor):
    """What a receiver makes of ``(level, cycles)``: bytes, and None for each framing error."""
    receiver = UartReceiver(divisor)
    seen = []

    async def drive(ctx):
        for level, cycles in levels:
            ctx.set(receiver.rx, level)
            await ctx.tick().repeat(cycles)

    async def watch(ctx):
        async for _, _, valid, framing, data in ctx.tick().sample(
            receiver.valid, receiver.framing, receiver.data
        ):
            if valid or framing:
                seen.append(None if framing else data)

    simulator = Simulator(receiver)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_process(watch)
    simulator.run()
    return seen


def levels_of(data, cycles):
    """The line for ``data``, bits of ``cycles`` cycles."""
    bits = [bit for byte in data for bit in (0, *(byte >> n & 1 for n in range(8)), 1)]
    return [(1, 20), *((bit, cycles) for bit in bits), (1, 2 * cycles)]


@pytest.mark.parametrize("divisor", [8, 9, 50])
def test_bytes_cross_a_line_without_a_pause(divisor):
    data = [0, 255, 0x55, 0xAA, 1, 128, *random.Random(divisor).randbytes(20)]
    run = run_stream(Loop(divisor), data, len(data), timeout=12 * divisor * len(data))
    assert run.output == data
    assert run.span("i", skip=1) == 10 * divisor * (len(data) - 2) + 1


def test_transmitter_pauses_with_its_source():
    data = list(random.Random(1).randbytes(20))
    assert run_stream(Loop(8), data, 20, idle=0.99, timeout=20_000).output == data


@pytest.mark.parametrize("cycles", [97, 103])
def test_receiver_tolerates_another_clock(cycles):
    data = list(random.Random(cycles).randbytes(10))
    assert on_line(levels_of(data, cycles), 100) == data


def test_receiver_ignores_spikes():
    clean = levels_of([0x0F, 0xA5], 50)
    spiky = [
        part
        for level, cycles in clean
        for part in (
            [(level, 25), (1 - level, 1), (level, 24)] if cycles == 50 else [(level, cycles)]
        )
    ]
    assert on_line(spiky, 50) == [0x0F, 0xA5]
    assert on_line([(1, 20), (0, 20), (1, 100), *levels_of([7], 50)], 50) == [7]


def test_break_is_one_framing_error():
    levels = [*levels_of([1], 16), (0, 16 * 35), (1, 40), *levels_of([2, 3], 16)]
    assert on_line(levels, 16) == [1, None, 2, 3]


@st.composite
def tensors(draw):
    """Integers of one frame, their layout and width."""
    channels, lanes = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    height, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    width, signed = draw(st.integers(1, 33)), draw(st.booleans())
    lo = -(1 << width - 1) if signed else 0
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    values = rng.integers(lo, lo + (1 << width), (1, channels, height, columns))
    layout = Layout.natural(channels, min(lanes, channels))
    elements = tuple(sum(channel >= 0 for channel in beat) for beat in layout.beats)
    beats = len(elements) * height * columns
    tensor = TensorFormat(elements, layout.lanes, width, signed, element_bytes(width), beats)
    words = pack(values, layout, width)[0]
    memory = values.transpose(0, 2, 3, 1).astype(f"<i{tensor.element_bytes}").tobytes()
    return tensor, memory, [int.from_bytes(word.tobytes(), "little") for word in words]


@settings(max_examples=15, deadline=None)
@given(tensors(), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.4]))
def test_bytes_become_beats_and_beats_bytes(case, idle, stall):
    tensor, memory, beats = case
    assert tensor.bytes == len(memory)
    twice = [*memory, *memory]
    gather = BeatsFromBytes(tensor)
    assert gather.model(memory) == beats
    assert run_stream(gather, twice, 2 * len(beats), idle=idle, stall=stall).output == 2 * beats
    split = BytesFromBeats(tensor)
    assert split.model(beats) == memory
    assert run_stream(split, 2 * beats, len(twice), idle=idle, stall=stall).output == twice


def test_pads_cost_a_cycle_each():
    tensor = TensorFormat((3, 1), 3, 8, False, 1, 2)
    run = run_stream(BeatsFromBytes(tensor), bytes(40), 20)
    # Three bytes or pads and the beat itself.
    assert run.span("o") == 19 * 4 + 1


def test_frames_are_answered_in_order():
    port = port_to()
    for sequence, frame in enumerate(FRAMES[:WINDOW]):
        port.write(frame_packet(sequence, frame))
    assert answers(port) == [good(0, FRAMES[0]), good(1, FRAMES[1])]
    port.write(frame_packet(255, FRAMES[2]))
    assert answers(port) == [good(255, FRAMES[2])]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda packet: [packet[0] ^ 1, *packet[1:]], Status.NO_START),
        (lambda packet: [packet[0], packet[1] ^ 1, *packet[2:]], Status.CHECKSUM),
        (lambda packet: [*packet[:3], packet[3] ^ 0x80, *packet[4:]], Status.CHECKSUM),
        (lambda packet: [*packet[:-1], packet[-1] ^ 1], Status.CHECKSUM),
        (lambda packet: packet[:-1], Status.SHORT),
        (lambda packet: packet[:1], Status.SHORT),
        (lambda packet: [*packet[:4], *packet[5:]], Status.SHORT),
        (lambda packet: packet[1:], Status.NO_START),
        (
            lambda packet: [*packet[:4], packet[4] & 0x7F | FRAMING_ERROR, *packet[5:]],
            Status.FRAMING,
        ),
        (lambda packet: [FRAMING_ERROR], Status.FRAMING),
        (lambda packet: [*packet[:-1], FRAMING_ERROR], Status.FRAMING),
        (lambda packet: [*packet, 0], Status.NO_START),
    ],
)
def test_damage_is_told_and_forgotten(change, status):
    port = port_to()
    frame = FRAMES[3]
    port.send(change(list(frame_packet(9, frame))))
    found = answers(port)
    assert [answer.status for answer in found if answer.status is not Status.OK] == [status]
    assert all(answer in (good(9, frame), error(answer.sequence, status)) for answer in found)
    port.write(frame_packet(10, FRAMES[4]))
    assert answers(port) == [good(10, FRAMES[4])]


def test_a_frame_full_of_packet_starts_is_no_packet():
    port = port_to()
    inside = frame_packet(3, FRAMES[0])
    # What follows damage holds a whole right packet, and is dropped all the same.
    port.send([0, *inside, *inside])
    assert answers(port) == [error(0, Status.NO_START)]
    port.write(frame_packet(4, bytes([FRAME] * BYTES.bytes)))
    assert answers(port) == [good(4, bytes([FRAME] * BYTES.bytes))]


def test_an_error_is_told_after_all_results():
    port = port_to(delay=SLOW)
    port.timeout = SLOW * BYTES.bytes / TIMEOUT * SILENCE
    port.write(frame_packet(1, FRAMES[1]))
    port.send([*frame_packet(2, FRAMES[2])[:-1], 77])
    assert answers(port) == [good(1, FRAMES[1]), error(2, Status.CHECKSUM)]


def test_more_frames_than_may_be_unanswered_are_refused():
    port = port_to(delay=SLOW)
    port.timeout = SLOW * BYTES.bytes / TIMEOUT * SILENCE
    for sequence in range(3):
        port.write(frame_packet(sequence, FRAMES[sequence]))
    expected = [good(0, FRAMES[0]), good(1, FRAMES[1]), error(2, Status.BUSY)]
    assert answers(port) == expected


@pytest.mark.parametrize("seed", range(2))
def test_random_damage_never_gives_a_wrong_result(seed):
    chance = random.Random(seed)

    def damage(data):
        kept = [byte for byte in data if chance.random() > 0.01]
        return [byte ^ (chance.random() < 0.01) << chance.randrange(9) for byte in kept]

    port = port_to(to_board=damage)
    right = 0
    for attempt in range(12):
        sent = {}
        for sequence in (2 * attempt % 256, (2 * attempt + 1) % 256):
            sent[sequence] = chance.randbytes(BYTES.bytes)
            port.write(frame_packet(sequence, sent[sequence]))
        for answer in answers(port):
            if answer.status is Status.OK:
                assert answer == good(answer.sequence, sent[answer.sequence])
                right += 1
    assert 4 < right < 24


def test_answers_are_read_and_damage_in_them_is_seen():
    answer = good(5, FRAMES[0])
    packet = answer_packet(answer)
    assert read_answer(packet) == answer
    for place in range(len(packet)):
        damaged = bytearray(packet)
        damaged[place] ^= 1
        assert read_answer(bytes(damaged)) is None
    assert read_answer(b"") is None
    assert read_answer(packet[:6]) is None


def test_parameters_are_checked():
    for component in (UartReceiver, UartTransmitter):
        with refuses("Divisor must be an integer of at least 8, not 7"):
            component(7)
    with refuses("Frame bytes must be a positive integer, not 0"):
        FrameStore(0, 2)
    with refuses("Frames must be a positive integer, not None"):
        FrameStore(5, None)
    with refuses("Frame bytes must be a positive integer, not 0"):
        PacketReceiver(0, 5)
    with refuses("Timeout must be a positive integer, not 0"):
        PacketReceiver(5, 0)
    with refuses("Result bytes must be a positive integer, not -1"):
        AnswerSender(-1, GRAPH_HASH)
    with refuses("Graph hash must have 4 bytes, not 3"):
        AnswerSender(1, b"abc")
