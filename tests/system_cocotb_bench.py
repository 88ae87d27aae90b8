"""Others' bus models around the system core: AXI masters and memories of cocotbext-axi.

Run inside the simulator; reads ``job.json`` in the folder that the environment names.
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from slipstick.registers import register_map
from slipstick.sim.protocol import FOLDER_VARIABLE

SIZE = 1 << 20
FILL = 0xA5
SOURCE, DESTINATION = 0x1003, 0x8_0005
OKAY = 0


def pauses(seed, share):
    """Whether a channel pauses, once a cycle, in spells that may be long."""
    dice = random.Random(seed)
    while True:
        is_paused = dice.random() < share
        yield from itertools.repeat(is_paused, dice.randrange(1, 12))


class Bench:
    """The core, a processor's bus and a memory, whose channels pause at random."""

    def __init__(self, dut):
        self.dut = dut
        self.job = json.loads((Path(os.environ[FOLDER_VARIABLE]) / "job.json").read_text())
        self.map = register_map(self.job["stages"])
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        if hasattr(dut, "core_clk"):
            cocotb.start_soon(Clock(dut.core_clk, 7, "ns").start())
        self.processor = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self.memory = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)

    def pause(self, seed, share):
        read, write = self.memory.read_if, self.memory.write_if
        answers, questions = self.processor.read_if, self.processor.write_if
        channels = [read.ar_channel, read.r_channel]
        channels += [write.aw_channel, write.w_channel, write.b_channel]
        channels += [answers.ar_channel, answers.r_channel]
        channels += [questions.aw_channel, questions.w_channel, questions.b_channel]
        for number, channel in enumerate(channels):
            channel.set_pause_generator(pauses(seed * 100 + number, share))

    async def reset(self):
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 64)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 8)

    async def read(self, name):
        answer = await self.processor.read(self.map[name].offset, 4)
        assert answer.resp == OKAY, name
        return int.from_bytes(answer.data, "little")

    async def write(self, name, value):
        answer = await self.processor.write(self.map[name].offset, value.to_bytes(4, "little"))
        assert answer.resp == OKAY, name

    async def identify(self):
        job = self.job
        assert await self.read("ID") == 0x534C4950
        assert await self.read("FRAME_BYTES") == job["frame_bytes"]
        assert await self.read("RESULT_BYTES") == job["result_bytes"]
        assert [await self.read(f"HASH[{n}]") for n in range(4)] == job["hash"]
        answer = await self.processor.read(0x7C, 4)
        assert answer.resp == 2

    async def run(self):
        """All frames in one batch; afterwards memory holds the results, and nothing else."""
        job = self.job
        frames, results = bytes.fromhex(job["frames"]), bytes.fromhex(job["results"])
        count = len(frames) // job["frame_bytes"]
        before = bytearray([FILL]) * SIZE
        before[SOURCE : SOURCE + len(frames)] = frames
        self.memory.write(0, bytes(before))
        await self.write("LENGTH", job["frame_bytes"])
        await self.write("SOURCE", SOURCE)
        await self.write("SOURCE_STRIDE", job["frame_bytes"])
        await self.write("DESTINATION", DESTINATION)
        await self.write("DESTINATION_STRIDE", job["result_bytes"])
        await self.write("FRAMES", count)
        await self.write("WATCHDOG", 1_000_000)
        await self.write("IRQ_ENABLE", 3)
        await self.write("CONTROL", 1)
        patience = ClockCycles(self.dut.clk, job["patience"])
        if not int(self.dut.interrupt.value):
            await First(RisingEdge(self.dut.interrupt), patience)
        assert int(self.dut.interrupt.value), "the run does not end"
        assert await self.read("IRQ_STATUS") == 1
        assert (await self.read("STATUS"), await self.read("ERRORS")) == (2, 0)
        assert await self.read("FRAMES_READ") == await self.read("FRAMES_WRITTEN") == count
        before[DESTINATION : DESTINATION + len(results)] = results
        assert self.memory.read(0, SIZE) == bytes(before)
        await self.write("IRQ_STATUS", 3)
        await ClockCycles(self.dut.clk, 4)
        assert not int(self.dut.interrupt.value)


@cocotb.test()
async def frames_become_results_in_memory(dut):
    bench = Bench(dut)
    await bench.reset()
    await bench.identify()
    for seed, share in enumerate(bench.job["pauses"]):
        bench.pause(seed, share)
        await bench.run()
