"""Sweeps widths, folds and clocks of one network, and shows which choices no other beats."""

from slipstick.explore.plan import Sweep
from slipstick.explore.run import Exploration, Start, explore

__all__ = ["Exploration", "Start", "Sweep", "explore"]
