"""The rows of a deep table, one after the other."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from slipstick.rtl_templates.deep_rom import DeepRom


@pytest.mark.parametrize(("rows", "width"), [(1152, 100), (1200, 36), (2304, 33), (9000, 3)])
def test_every_row_follows_whenever_it_is_asked_for(rows, width):
    draw = random.Random(rows)
    rom = DeepRom([draw.getrandbits(width) for _ in range(rows)], width)
    assert rom.beside > 1
    # Often without a pause, over the end of the table.
    advances = np.random.default_rng(0).random(rows * 3 // 2) < 0.8
    reset = Signal()

    async def bench(ctx):
        for length in (rows // 3, len(advances)):
            ctx.set(reset, 1)
            ctx.set(rom.i_advance, 0)
            await ctx.tick()
            ctx.set(reset, 0)
            await ctx.tick()
            seen = []
            for advance in [*advances[:length], False, False]:
                ctx.set(rom.i_advance, int(advance))
                seen.append(ctx.get(rom.o_data))
                await ctx.tick()
            assert seen[rom.LATENCY :] == rom.model(advances[:length])

    simulator = Simulator(ResetInserter(reset)(rom))
    simulator.add_clock(5e-9)
    simulator.add_testbench(bench)
    simulator.run()
