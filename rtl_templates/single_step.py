"""What takes the place of accumulators where each output beat is a single step."""

from amaranth.hdl import Module, Signal

from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.arithmetic import field


class SingleStep(Accumulate):
    """`Accumulate` for beats of one step: a register, and no adder."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._lanes):
            total = Signal(self._shape, name=f"total_{lane}", reset_less=True)
            part = field(self.i_sums, lane, self._sum_width, self._sum_signed)
            m.d.sync += total.eq(part)
            m.d.comb += self.o_totals.word_select(lane, self.width).eq(total)
        return m
