"""Lanes of a pool: one reduction over the taps for every channel."""

from typing import Literal

import numpy as np
from amaranth.hdl import Module

from slipstick.rtl_templates.arithmetic import adder_tree, max_tree, register, tree_latency
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.numbers import shape_for


class PoolLanes(LaneArray):
    """``sum[p]`` = maximum or sum over the taps of lane ``p``.

    Parameters
    ----------
    source : format of the words; as many outputs as it has lanes.
    kind : ``"max"`` or ``"sum"``.

    Latency: 1 cycle and the tree.
    """

    def __init__(self, source: LaneInput, kind: Literal["max", "sum"]) -> None:
        self._kind = kind
        self.latency = 1 + tree_latency(source.taps)
        scale = source.taps if kind == "sum" else 1
        self.sum_lo, self.sum_hi = source.lo * scale, source.hi * scale
        super().__init__(source, source.lanes, shape_for(self.sum_lo, self.sum_hi).width)

    def model(self, words: np.ndarray) -> np.ndarray:
        """``(steps, taps, lanes)`` integers to ``(steps, lanes)``."""
        return words.max(axis=1) if self._kind == "max" else words.sum(axis=1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tree = max_tree if self._kind == "max" else adder_tree
        for lane in range(self.outputs):
            taps = [
                register(m, self.source.value(self.i_words, tap, lane), f"x_{lane}_{tap}")
                for tap in range(self.source.taps)
            ]
            m.d.comb += self.o_sums.word_select(lane, self.sum_width).eq(
                tree(m, taps, f"lane_{lane}").value
            )
        return m
