"""Estimates beside what Yosys makes of the same components."""

import numpy as np
import pytest
from amaranth.lib import wiring

from slipstick.emit import to_rtlil, to_verilog
from slipstick.estimate.network import Resources, resources
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneInput
from slipstick.rtl_templates.regroup import Regroup
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.streams import Layout
from slipstick.synth.hierarchy import Hierarchy
from slipstick.synth.processes import Task, run_tasks

PIXELS = LaneInput(1, 8, 8, False, 0, 255)


def shift(steps: int, exponents: int) -> ShiftLanes:
    rng = np.random.default_rng(steps)
    shape = (steps, 2, 1, 8, 1)
    return ShiftLanes(PIXELS, rng.integers(0, exponents, shape), rng.choice([-1, 0, 1], shape))


def l1(steps: int) -> L1Lanes:
    rng = np.random.default_rng(steps)
    return L1Lanes(PIXELS, rng.integers(0, 256, (steps, 2, 1, 8)))


def shift_as_trained(steps: int) -> ShiftLanes:
    """Most weights are small, and so many that mapping would share parts of their tables."""
    rng = np.random.default_rng(steps)
    shape = (steps, 4, 1, 50, 1)
    exponents = np.minimum(rng.geometric(0.5, shape) - 1, 7)
    taken = LaneInput(1, 50, 8, False, 0, 255)
    return ShiftLanes(taken, exponents, rng.choice([-1, 0, 1], shape))


PARTS = {
    "shift": lambda: shift(32, 8),
    "shift as trained": lambda: shift_as_trained(64),
    "L1": lambda: l1(64),
    "FIFO": lambda: Fifo(16, 9),
    "regroup": lambda: Regroup(Layout.natural(16, 1), Layout.natural(16, 4), 8),
}


@pytest.mark.parametrize("name", PARTS)
def test_component(name: str, tmp_path) -> None:
    part = PARTS[name]()
    mine, real = resources(part), synthesised(part, tmp_path)
    assert mine.bram36 == real.bram36
    assert mine.lutram == real.lutram
    # Yosys merges a register or a LUT now and then that the estimate counts.
    assert abs(mine.lut - real.lut) <= 1
    assert abs(mine.ff - real.ff) <= 1


@pytest.mark.parametrize(
    "part",
    # The register behind a FIFO's memory holds one of its beats.
    [Fifo(64, 1101), L1Lanes(PIXELS, np.random.default_rng(0).integers(0, 256, (1152, 1, 1, 8)))],
    ids=["FIFO", "weights"],
)
def test_several_words_of_block_ram_at_once(part: wiring.Component, tmp_path) -> None:
    mine, real = resources(part), synthesised(part, tmp_path)
    assert (mine.bram36, mine.ff) == (real.bram36, real.ff)
    # Multiplexers are fitted or assumed, unlike the components above.
    assert abs(mine.lut - real.lut) <= 0.05 * real.lut


def test_hardwired_adders(tmp_path) -> None:
    rng = np.random.default_rng(0)
    shape = (1, 4, 1, 8, 1)
    part = HardwiredShift(PIXELS, rng.integers(0, 8, shape), rng.choice([-1, 0, 1], shape))
    assert abs(resources(part).lut - synthesised(part, tmp_path).lut) <= 1


def synthesised(part: wiring.Component, folder) -> Resources:
    to_verilog(to_rtlil(part, "part")[0], folder / "rtl")
    ((_, result),) = run_tasks(Hierarchy.read(folder / "rtl"), [Task("part")], 1)
    found = result["resources"]
    return Resources(found["lut"], found["ff"], found["lutram"], found["bram36"])
