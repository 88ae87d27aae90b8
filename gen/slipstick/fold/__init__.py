"""From the integer graph to a plan: lanes, layouts, cycles and FIFO depths of every stage."""

from slipstick.fold.arrange import arrange_channels, arrange_weights, is_real
from slipstick.fold.balance import FoldChoices, PinnedFold
from slipstick.fold.engine_fold import Fold
from slipstick.fold.plan import Plan, Stage, plan
from slipstick.fold.stages import NameTable, StageNodes

__all__ = [
    "Fold",
    "FoldChoices",
    "NameTable",
    "PinnedFold",
    "Plan",
    "Stage",
    "StageNodes",
    "arrange_channels",
    "arrange_weights",
    "is_real",
    "plan",
]
