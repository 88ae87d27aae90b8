"""Translator of the power-of-two gate."""

import torch

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.frontend.call import Call, operator
from slipstick.frontend.nodes import Clamp, FloatGate
from slipstick.nn.gate_ops import MOST_LEVELS, gate_limits

MARGIN = 1.0
"""How far beyond the outermost limits logits are kept."""


@operator(torch.ops.slipstick.power_of_two_gate.default)
def _(call: Call) -> tuple[Clamp, FloatGate]:
    levels = call.arguments["levels"]
    if not 2 <= levels <= MOST_LEVELS:
        call.refuse(f"it has {levels} levels", f"supported are 2 to {MOST_LEVELS}")
    limits = gate_limits(levels)
    # All logits beyond the limits mean the same: those between decide the quantiser's scale.
    lo, hi = limits[-1] - MARGIN, limits[0] + MARGIN
    logits = Clamp(f"{call.name}.logits", (call.source("z"),), call.input_shape("z"), lo, hi)
    return logits, FloatGate(call.name, (call.source("x"), logits.name), call.shape, limits)
