"""Synthesis for Xilinx 7-series by Yosys, resource counts, and the no-multiplier gate."""

from slipstick.synth.gate import count_multipliers, require_no_multipliers
from slipstick.synth.result import Resources, Row, SynthesisResult
from slipstick.synth.run import CORES, synthesise

__all__ = [
    "CORES",
    "Resources",
    "Row",
    "SynthesisResult",
    "count_multipliers",
    "require_no_multipliers",
    "synthesise",
]
