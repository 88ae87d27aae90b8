"""Chains of adders, each of which takes in the term of one lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slipstick.rtl_templates.shift_lane import ShiftLane


@dataclass(frozen=True, eq=False)
class ShiftChain:
    """Lanes whose terms are added one after the other, a cycle each.

    Parameters
    ----------
    lanes : by how many cycles late they are; at least one.
    start : int64 ``(steps,)``, what the sum begins with; without one, it begins with the first
        lane's term, which takes no adder.
    width : of the sum in bits; it is modulo ``2**width``.
    """

    lanes: Mapping[int, ShiftLane]
    start: np.ndarray | None
    width: int

    @property
    def first(self) -> int:
        """How late the first lane is."""
        return min(self.lanes)

    def adds(self, late: int) -> bool:
        """Whether the lane that is ``late`` is added to anything."""
        return self.start is not None or late > self.first

    @property
    def last(self) -> int:
        """How late the last lane is."""
        return max(self.lanes)

    @cached_property
    def highest(self) -> Mapping[int, int]:
        """By how late they are, the largest value of the lanes' sums.

        Few steps have large weights in all lanes, so it is found step by step.
        """
        most = (1 << self.width) - 1
        steps = len(self.lanes[self.first].exponent)
        sums = np.zeros(steps, np.int64) if self.start is None else self.start
        found = {}
        for late in sorted(self.lanes):
            lane = self.lanes[late]
            sums = np.minimum(most, sums + (lane.highest << lane.scale))
            found[late] = int(sums.max())
        return found
