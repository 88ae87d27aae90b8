"""What moving channels costs: 1x1 layers that read moved channels beside the same layer alone.

Each design is one 1x1 shift layer of 4-bit weights, 54 channels of 8 bits in and out on a 16x16
image, compiled with the fold below and synthesised by Yosys. Run it with

    python benchmarks/moves.py
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from slipstick.build import compile as compile_model
from slipstick.config import Config, LayerOptions
from slipstick.nn import (
    AddressShift,
    ChannelShift,
    FiveDirectionShift,
    GroupedShift,
    ShiftConv2d,
    SparseShift,
)
from slipstick.synth import synthesise

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


@dataclass(frozen=True)
class Cost:
    """Primitives of a whole design."""

    lut: int
    lutram: int
    bram36: float
    ff: int


def measure(moves: tuple[nn.Module, ...]) -> Cost:
    """Compiles and synthesises the layer behind ``moves``."""
    torch.manual_seed(0)
    layer = ShiftConv2d(CHANNELS, CHANNELS, 1, bias=False, weight_bits=4)
    network = nn.Sequential(*moves, layer, nn.ReLU())
    images = torch.rand(4, CHANNELS, SIDE, SIDE)
    config = Config(layer={str(len(moves)): FOLD})
    with tempfile.TemporaryDirectory() as work:
        build = compile_model(network, images, output=Path(work) / "build", config=config)
        total = synthesise(build.folder).total
    if total.multipliers:
        raise RuntimeError(f"Design must not multiply, but has {total.multipliers} multipliers")
    return Cost(total.lut, total.lutram, total.bram36, total.ff)


def main() -> None:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    costs = {name: measure(moves) for name, moves in MOVES.items()}
    if arguments.json:
        print(json.dumps({name: vars(cost) for name, cost in costs.items()}, indent=1))
        return
    alone = next(iter(costs.values()))
    print(f"{'1x1 layer, 54 to 54 channels':36} {'LUT':>6} {'%':>6} {'LUTRAM':>6} {'BRAM36':>6} ")
    for name, cost in costs.items():
        more = 100 * (cost.lut / alone.lut - 1)
        print(f"{name:36} {cost.lut:6} {more:+6.1f} {cost.lutram:6} {cost.bram36:6}")


if __name__ == "__main__":
    main()
