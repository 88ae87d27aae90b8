"""The table of the steps that are done, beside the counters that it stands for."""

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from slipstick.rtl_templates.step_program import StepProgram
from slipstick.rtl_templates.weight_rom import LUT_DEPTH
from slipstick.rtl_templates.window_walk import WindowWalk


def program(words: int, skipped: tuple[int, ...]) -> StepProgram:
    walk = WindowWalk(
        height=5,
        width=5,
        words=words,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1, 1, 1),
        dilation=(1, 1),
        parallel_taps=1,
        beats=2,
        words_per_beat=words,
        beats_per_block=2,
        skipped=skipped,
    )
    return StepProgram(walk)


@pytest.mark.parametrize(("words", "is_block"), [(2, False), (8, True)])
def test_every_step_is_told_whenever_it_starts(words, is_block):
    part = program(words, (1, 4, 5))
    steps = len(part._tables["first"])
    assert (steps > LUT_DEPTH) == is_block
    rng = np.random.default_rng(0)
    reset = Signal()

    async def bench(ctx):
        for _ in range(2):
            ctx.set(reset, 1)
            ctx.set(part.i_step, 0)
            ctx.set(part.i_go, 0)
            await ctx.tick()
            ctx.set(reset, 0)
            await ctx.tick()
            step = 0
            # Often without a pause, over the end of the table more than once.
            for go in rng.random(3 * steps) < 0.8:
                ctx.set(part.i_step, step)
                ctx.set(part.i_go, int(go))
                told = {name: ctx.get(getattr(part, f"o_{name}")) for name in part.fields}
                assert told == part.model(step)
                step = (step + int(go)) % steps
                await ctx.tick()

    simulator = Simulator(ResetInserter(reset)(part))
    simulator.add_clock(5e-9)
    simulator.add_testbench(bench)
    simulator.run()
