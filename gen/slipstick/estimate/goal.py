"""The folds for what the user wants of a board, or what to do where nothing gives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from slipstick.errors import SlipstickError
from slipstick.estimate.candidates import Tables
from slipstick.estimate.quickest import quickest
from slipstick.estimate.solve import Budget, Solution, cheapest, fastest
from slipstick.fold import PinnedFold
from slipstick.graph import Graph


@dataclass(frozen=True)
class Goal:
    """What the user wants.

    Attributes
    ----------
    interval : cycles a frame may take at most, or None for the fewest within the budgets.
    luts, bram18 : LUTs of any use, and halves of block RAMs, that may be spent.
    board, clock_mhz : of which.
    least_latency : of all that is left open, the result shall be out as early as can be.
    """

    interval: int | None
    luts: int
    bram18: int
    board: str
    clock_mhz: float
    least_latency: bool = False

    def frames_per_second(self, interval: int) -> int:
        """At the board's clock, rounded down."""
        return int(self.clock_mhz * 1e6 / interval)


def best_folds(graph: Graph, goal: Goal, pinned: Mapping[str, PinnedFold]) -> Solution:
    """The folds that meet ``goal`` with the fewest LUTs, the least latency or shortest interval.

    Raises `SlipstickError` with the best that can be had, if that does not meet ``goal``.
    """
    tables = Tables(graph, pinned)
    budget = Budget(goal.luts, goal.bram18)
    found = _found(tables, goal, budget)
    if found is not None:
        return found
    best = fastest(tables, budget)
    spent = f"{goal.luts:,} LUTs and {goal.bram18 / 2:,g} block RAMs of {goal.board}"
    if best is None:
        raise SlipstickError(
            "Network", f"does not fit {spent}", "give it more, or choose a larger board"
        )
    if goal.interval is None or best.interval <= goal.interval:
        return best
    rate = goal.frames_per_second
    wanted = f"{rate(goal.interval):,}" if goal.interval else "more than the clock's"
    raise SlipstickError(
        "Network",
        f"{wanted} frames/s do not fit {spent}",
        f"the best is {rate(best.interval):,} frames/s; ask for that, or allow more",
    )


def _found(tables: Tables, goal: Goal, budget: Budget) -> Solution | None:
    """What meets ``goal``; None if nothing does, or only the shortest interval is asked for."""
    if goal.interval == 0:
        return None
    found = quickest(tables, goal.interval, budget) if goal.least_latency else None
    if found is None and goal.interval is not None:
        found = cheapest(tables, goal.interval, budget)
    return found
