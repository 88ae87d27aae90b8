"""Layers to train multiplication-free networks with, and what changes trained networks."""

from slipstick.nn.adder import AdderConv2d, AdderLinear
from slipstick.nn.apot import APoTConv2d, APoTLinear, apot_codes, apot_levels, apot_weight
from slipstick.nn.convert import convert
from slipstick.nn.fixed import FixedShiftConv2d
from slipstick.nn.gate import GatedExcitation, PowerOfTwoGate
from slipstick.nn.moves import (
    AddressShift,
    ChannelShift,
    FiveDirectionShift,
    GroupedShift,
    QuarterRotate,
    SparseShift,
)
from slipstick.nn.pow2_norm import PowerOfTwoNorm, freeze_norms, plain_norms
from slipstick.nn.pruning import hold_zeros, prune
from slipstick.nn.quantisers import shift_weight_ps, shift_weight_q
from slipstick.nn.s3 import DenseShiftConv2d, S3Conv2d, denseshift_weight, s3_weight
from slipstick.nn.shift import ShiftConv2d, ShiftLinear

__all__ = [
    "APoTConv2d",
    "APoTLinear",
    "AdderConv2d",
    "AdderLinear",
    "AddressShift",
    "ChannelShift",
    "DenseShiftConv2d",
    "FiveDirectionShift",
    "FixedShiftConv2d",
    "GatedExcitation",
    "GroupedShift",
    "PowerOfTwoGate",
    "PowerOfTwoNorm",
    "QuarterRotate",
    "S3Conv2d",
    "ShiftConv2d",
    "ShiftLinear",
    "SparseShift",
    "apot_codes",
    "apot_levels",
    "apot_weight",
    "convert",
    "denseshift_weight",
    "freeze_norms",
    "hold_zeros",
    "plain_norms",
    "prune",
    "s3_weight",
    "shift_weight_ps",
    "shift_weight_q",
]
