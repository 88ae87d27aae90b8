"""What moving channels costs: 1x1 layers that read moved channels beside the same layer alone.

Each design is one 1x1 shift layer of 4-bit weights, 54 channels of 8 bits in and out on a 16x16
image, compiled with the fold below. `table.py` measures the rows.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from compiled import compiled
from flow import Design, Row
from torch import nn

from slipstick.config import Config, LayerOptions
from slipstick.nn import (
    AddressShift,
    ChannelShift,
    FiveDirectionShift,
    GroupedShift,
    ShiftConv2d,
    SparseShift,
)

CHANNELS, SIDE = 54, 16
FOLD = LayerOptions(P=18, S=18, Q=1)


def learnt_shift() -> SparseShift:
    """A sparse shift as training leaves it: 90 % of the channels stay."""
    shift = SparseShift(CHANNELS)
    moved = torch.arange(CHANNELS) % 10 == 0
    with torch.no_grad():
        for number, places in enumerate((shift.alpha, shift.beta)):
            places.copy_(torch.where(moved, (torch.arange(CHANNELS) // 10 + number) % 3 - 1.0, 0.0))
    return shift


MOVES: Mapping[str, tuple[nn.Module, ...]] = {
    "1x1 layer alone": (),
    "Shift, 3x3": (GroupedShift(CHANNELS),),
    "Shift, 5x5": (GroupedShift(CHANNELS, 5),),
    "SSL, 1 in 10 moves": (learnt_shift(),),
    "AddressNet, address": (AddressShift(CHANNELS),),
    "AddressNet, channel, then address": (ChannelShift(CHANNELS, 18), AddressShift(CHANNELS)),
    "DiracDeltaNet, 5 directions": (FiveDirectionShift(CHANNELS),),
}


def behind(moves: tuple[nn.Module, ...], folder: Path) -> Design:
    """The layer behind ``moves``."""
    torch.manual_seed(0)
    layer = ShiftConv2d(CHANNELS, CHANNELS, 1, bias=False, weight_bits=4)
    images = torch.rand(4, CHANNELS, SIDE, SIDE)
    config = Config(layer={str(len(moves)): FOLD})
    return compiled(folder, nn.Sequential(*moves, layer, nn.ReLU()), images, config)


ROWS = tuple(
    Row(name, lambda folder, moves=moves: behind(moves, folder)) for name, moves in MOVES.items()
)
