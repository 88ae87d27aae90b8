"""Whole networks on an XC7Z045 at 200 MHz: how many frames a second fit 80 % of it.

For each network of `target_networks.py`: a short training, folds for the rate asked for, Verilog,
a simulation of real frames that compares every value of every layer, synthesis by Yosys, and a
row of a table. Run it with

    python benchmarks/targets.py [NAME ...] [--folder build/targets] [--frames 8]

Hours on two cores for all; what a folder holds already is not made again. Nothing runs on Vivado
or a board: the clock is the board's, not a routed one. `make bench` shows what it finds beside
published figures, and `python docs/make_benchmarks.py` puts the table into the manual.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress
from table import table
from target_networks import TARGETS, Target, trained

from slipstick import Build, SlipstickError, compile
from slipstick.build import ESTIMATE_FILE
from slipstick.built import read_build
from slipstick.config import Config, QuantiseOptions
from slipstick.explore.energy import work
from slipstick.graph import L1Matmul, ShiftMatmul
from slipstick.inspect import summarise_results

BOARD = "zc706"
BUDGET = "80%"
SIMULATED, SYNTHESISED = "simulation.json", "synthesis.json"


@dataclass(frozen=True)
class Row:
    """What was found of a network; `None` for what was not run.

    Attributes
    ----------
    lanes : adders that add or compare a term each cycle.
    busy : share of the lanes' cycles in which a term of the network is added.
    """

    title: str
    wanted: int
    frames_per_second: float
    cycles: int
    measured_cycles: float | None
    frames: int
    mismatches: int
    accuracy: float | None
    lanes: int
    busy: float
    lut: int
    lut_share: float
    ff: int
    bram36: float
    bram_share: float
    multipliers: int
    path_ns: float
    estimated_lut: int
    simulated_frames_per_second: float


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "network": lambda row: row.title,
    "frames/s": lambda row: f"{row.frames_per_second:,.0f}",
    "wanted": lambda row: f"{row.wanted:,}",
    "cycles, measured / planned": lambda row: f"{row.measured_cycles:,.0f} / {row.cycles:,}",
    "values that differ": lambda row: f"{row.mismatches} in {row.frames} frames",
    "LUT": lambda row: f"{row.lut:,} ({row.lut_share:.1%})",
    "off the estimate": lambda row: f"{row.estimated_lut / row.lut - 1:+.1%}",
    "FF": lambda row: f"{row.ff:,}",
    "BRAM36": lambda row: f"{row.bram36:,g} ({row.bram_share:.1%})",
    "multipliers": lambda row: f"{row.multipliers}",
    "ns of cells": lambda row: f"{row.path_ns:.2f}",
    "lanes": lambda row: f"{row.lanes:,}",
    "busy": lambda row: f"{row.busy:.1%}",
    "LUT a lane": lambda row: f"{row.lut / row.lanes:.1f}",
}
"""What the table shows of a row."""


def main() -> None:
    """Prints the table of the networks named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(t.name for t in TARGETS))
    parser.add_argument("--folder", type=Path, default=Path("build/targets"))
    parser.add_argument("--frames", type=int, default=8, help="simulated of each network")
    options = parser.parse_args()
    chosen = [t for t in TARGETS if not options.names or t.name in options.names]
    unknown = set(options.names) - {t.name for t in TARGETS}
    if unknown:
        sys.exit(f"error: no network is called {', '.join(sorted(unknown))}")
    rows = []
    for target in chosen:
        rows.append(measured(target, options.folder, options.frames))
    (options.folder / "targets.md").write_text(markdown(rows), encoding="utf-8")
    print(options.folder / "targets.md")


def measured(target: Target, folder: Path, frames: int) -> Row:
    """The row of ``target``; what its build folder holds already is taken from there."""
    trained(target, folder)
    output = folder / target.name
    built = Build(output) if output.exists() else compiled(target, folder)
    if not (output / SIMULATED).exists():
        built.simulate(fast=True, frames=frames, images=folder / f"{target.name}_test.npz")
    if not (output / SYNTHESISED).exists():
        built.synth()
    row = row_of(target, output)
    text = json.dumps(vars(row), indent=1) + "\n"
    (folder / f"{target.name}.json").write_text(text, encoding="utf-8")
    return row


def row_of(target: Target, output: Path) -> Row:
    """What stands in the files of the build folder ``output``."""
    results = summarise_results(output)
    build, simulated, synthesised = (results[k] for k in ("build", "simulation", "synthesis"))
    estimate = json.loads((output / ESTIMATE_FILE).read_text(encoding="utf-8"))
    clock = build["board"]["clock_mhz"] * 1e6
    cycles = build["cycles_per_frame"]
    lanes, terms = work_of(output)
    return Row(
        title=target.title,
        wanted=target.frames_per_second,
        frames_per_second=clock / cycles,
        cycles=cycles,
        measured_cycles=simulated["cycles_per_frame"],
        frames=simulated["frames"],
        mismatches=simulated["mismatches"],
        accuracy=simulated["accuracy"],
        lanes=lanes,
        busy=terms / lanes / cycles,
        lut=synthesised["lut"] + synthesised["lutram"],
        lut_share=synthesised["utilisation"]["lut"],
        ff=synthesised["ff"],
        bram36=synthesised["bram36"],
        bram_share=synthesised["utilisation"]["bram36"],
        multipliers=synthesised["multipliers"],
        path_ns=synthesised["path_ps"] / 1000,
        estimated_lut=estimate["lut"] + estimate["lutram"],
        simulated_frames_per_second=simulated["simulated_frames_per_wall_second"],
    )


def compiled(target: Target, folder: Path) -> Build:
    """The circuit that reaches the target, or else the fastest that fits."""
    goal: dict[str, Any] = {
        "output": folder / target.name,
        "board": BOARD,
        "config": Config(quantise=QuantiseOptions(bn_terms=target.bn_terms)),
        "lut_budget": BUDGET,
        "bram_budget": BUDGET,
        "calibrate": folder / f"{target.name}_calibration.npz",
        "evaluate": folder / f"{target.name}_test.npz",
    }
    model = folder / f"{target.name}.pt2"
    with Progress() as progress:
        task = progress.add_task("", total=1.0)

        def told(text: str, share: float) -> None:
            progress.update(task, description=f"{target.name}: {text}", completed=share)

        try:
            return compile(model, target_fps=target.frames_per_second, progress=told, **goal)
        except SlipstickError as error:
            print(error)
            return compile(model, progress=told, **goal)


def work_of(folder: Path) -> tuple[int, int]:
    """Lanes of the circuit in ``folder``, and the terms that a frame asks them to add."""
    manifest, graph = read_build(folder)
    lanes = terms = 0
    for stage in manifest.stages:
        node = graph[stage.nodes[0]]
        if isinstance(node, ShiftMatmul):
            # A lane adds all terms of a weight that is a sum of powers of two.
            lanes += stage.lanes * len(node.exponent)
            terms += round(work(node, graph).shifts)
        elif isinstance(node, L1Matmul):
            # A difference and its sum.
            lanes += stage.lanes
            terms += round(work(node, graph).additions / 2)
    return lanes, terms


def markdown(rows: list[Row]) -> str:
    """The table."""
    cells = [tuple(cell(row) for cell in COLUMNS.values()) for row in rows]
    return table(tuple(COLUMNS), cells) + "\n"


if __name__ == "__main__":
    main()
