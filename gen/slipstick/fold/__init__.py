"""From the integer graph to a plan: lanes, layouts, cycles and FIFO depths of every stage."""

from slipstick.fold.arrange import arrange_channels, arrange_weights, is_real
from slipstick.fold.balance import FoldChoices, PinnedFold, possible_folds
from slipstick.fold.engine_fold import Fold, Shape, engine_cycles, even_sizes, stage_shape, steps_of
from slipstick.fold.entrance import carrier, entering_layout, entering_names, first_lanes
from slipstick.fold.fifos import Needs, branch_needs, input_depths
from slipstick.fold.flow import check_flow
from slipstick.fold.plan import (
    Plan,
    Stage,
    decide,
    plan,
    plan_with,
    regroup_cycles,
)
from slipstick.fold.stages import NameTable, StageNodes, stages_of

__all__ = [
    "Fold",
    "FoldChoices",
    "NameTable",
    "Needs",
    "PinnedFold",
    "Plan",
    "Shape",
    "Stage",
    "StageNodes",
    "arrange_channels",
    "arrange_weights",
    "branch_needs",
    "carrier",
    "check_flow",
    "decide",
    "engine_cycles",
    "entering_layout",
    "entering_names",
    "even_sizes",
    "first_lanes",
    "input_depths",
    "is_real",
    "plan",
    "plan_with",
    "possible_folds",
    "regroup_cycles",
    "stage_shape",
    "stages_of",
    "steps_of",
]
