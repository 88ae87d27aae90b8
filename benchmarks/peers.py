"""Slipstick beside NNgen on the same layer, and figures that others published.

The layer is a convolution 3x3, 16 to 16 channels, on 14x14 pixels of 8 bits, padded, with random
weights. NNgen keeps weights and images in a memory outside, which it reads over AXI; ours has the
weights inside and streams. `table.py` measures the rows.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from compiled import compiled
from flow import Design, Row
from kept import ROOT
from others import run

from slipstick.config import Config, FoldOptions
from slipstick.nn import AdderConv2d, ShiftConv2d

CHANNELS, SIDE = 16, 14


@dataclass(frozen=True)
class Published:
    """Figures of a network. What differs from ours, which are at 200 MHz in an XC7Z045 of 28 nm."""

    name: str
    frames_per_second: str
    accuracy: str
    lut: str
    bram36: str
    source: str
    differs: str


KV260 = "multiplies in DSP slices; 16 nm instead of 28 nm"
FINN = "weights and activations of 1 bit; ran on a ZC706; LUT and BRAM as later papers quote them"

PUBLISHED = (
    Published(
        "FINN CNV-max, XC7Z045, 200 MHz",
        "21,906",
        "80.1 % of CIFAR-10",
        "46,253",
        "186",
        "FPGA 2017, arXiv 1612.07119",
        FINN,
    ),
    Published(
        "FINN SFC-max, XC7Z045, 200 MHz",
        "12,360,000",
        "95.83 % of MNIST",
        "91,131",
        "4.5",
        "FPGA 2017, arXiv 1612.07119",
        f"{FINN}; inputs of 1 bit; 3 dense layers of 256",
    ),
    Published(
        "FINN LFC-max, XC7Z045, 200 MHz",
        "1,561,000",
        "98.4 % of MNIST",
        "82,988",
        "396",
        "FPGA 2017, arXiv 1612.07119",
        f"{FINN}; inputs of 1 bit; 3 dense layers of 1,024",
    ),
    Published(
        "DWN small, XC7Z045, 200 MHz",
        "50,000,000",
        "97.80 % of MNIST",
        "2,100",
        "0",
        "ICML 2024",
        "look-up tables without convolutions (57.4 % of CIFAR-10); LUTs without its encoder",
    ),
    Published(
        "ResNet-20 INT8, KV260",
        "7,601",
        "91.3 % of CIFAR-10",
        "",
        "",
        "arXiv 2309.15631",
        KV260,
    ),
    Published(
        "ResNet-8 INT8, KV260",
        "30,153",
        "88.7 % of CIFAR-10",
        "",
        "",
        "arXiv 2309.15631",
        KV260,
    ),
)
"""None was measured here; what a paper does not say is empty."""


def networks() -> Iterator[Published]:
    """Ours, if `targets.py` has measured any."""
    for file in sorted((ROOT / "build" / "targets").glob("*.json")):
        row = json.loads(file.read_text(encoding="utf-8"))
        yield Published(
            f"Slipstick, {row['title']}",
            f"{row['frames_per_second']:,.0f}",
            "",
            f"{row['lut']:,}",
            f"{row['bram36']:g}",
            "`benchmarks/targets.py`",
            "trained for a short while only; by Yosys, not placed and routed; cycles simulated",
        )


def slipstick(folder: Path, kind: type[torch.nn.Module], lanes: int) -> Design:
    """Ours with so many lanes."""
    torch.manual_seed(0)
    layer = kind(CHANNELS, CHANNELS, 3, padding=1, bias=False)
    image = torch.rand(1, CHANNELS, SIDE, SIDE)
    return compiled(
        folder, torch.nn.Sequential(layer), image, Config(fold=FoldOptions(lanes=lanes))
    )


def nngen(folder: Path, operator: str) -> Design:
    """NNgen's; weights of `log_weight_conv2d` are exponents with a sign."""
    weights = np.random.default_rng(0).integers(-7, 8, (CHANNELS, 3, 3, CHANNELS))
    np.save(folder / "weights.npy", weights)
    run("nngen", operator, str(folder / "weights.npy"), str(SIDE), str(folder))
    (folder / "weights.npy").unlink()
    return Design([folder / "design.v"], 1, None, dsp=True)


LAYER_ROWS = (
    *(
        Row(
            f"{name}: Slipstick, {lanes} lanes",
            lambda folder, kind=kind, lanes=lanes: slipstick(folder, kind, lanes),
        )
        for name, kind in (("shift", ShiftConv2d), ("L1", AdderConv2d))
        for lanes in (1, 16, 144)
    ),
    Row("int8: NNgen conv2d, 1x1 channels", lambda folder: nngen(folder, "conv2d")),
    Row(
        "powers of two: NNgen log_weight_conv2d, 1x1 channels",
        lambda folder: nngen(folder, "log_weight_conv2d"),
    ),
)
