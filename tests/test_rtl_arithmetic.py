"""Sums as differences."""

from itertools import product

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from slipstick.rtl_templates.arithmetic import plus


@pytest.mark.parametrize("width", [1, 3, 4, 6])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (4, 2), (2, 4), (3, 3)])
def test_plus_is_the_sum_modulo_its_width(first, second, width):
    m = Module()
    a, b, total = Signal(first), Signal(second), Signal(width)
    m.d.comb += total.eq(plus(a, b, width))

    async def bench(ctx):
        for x, y in product(range(1 << first), range(1 << second)):
            ctx.set(a, x)
            ctx.set(b, y)
            assert ctx.get(total) == (x + y) % (1 << width)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
