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
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path

import numpy as np
from rich.progress import Progress
from table import table
from target_networks import TARGETS, Target, trained

from slipstick import Build, SlipstickError, compile
from slipstick.built import read_build
from slipstick.graph import L1Matmul, Node, ShiftMatmul, Tensor

BOARD = "zc706"
BUDGET = "80%"


@dataclass(frozen=True)
class Row:
    """What was found of a network; `None` for what was not run.

    Attributes
    ----------
    lanes : adders that add or compare a term each cycle.
    busy : share of the lanes' cycles in which a term of the network is added.
    lanes_needed : lanes that the rate asked for takes if all are always busy.
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
    lanes_needed: float
    lut: int
    lut_share: float
    ff: int
    bram36: float
    bram_share: float
    multipliers: int
    path_ns: float
    estimated_lut: int
    compile_seconds: float
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
    """The row of ``target``, from its file if it was made before."""
    kept = folder / f"{target.name}.json"
    if kept.exists():
        return Row(**json.loads(kept.read_text(encoding="utf-8")))
    trained(target, folder)
    began = time.monotonic()
    built = _built(target, folder)
    seconds = time.monotonic() - began
    print(f"{target.title}: compiled in {seconds:.0f} s")
    simulated = built.simulate(fast=True, frames=frames, images=folder / f"{target.name}_test.npz")
    print(f"{target.title}: {simulated.mismatches} of the simulated values differ")
    synthesised = built.synth()
    manifest = built.manifest
    estimate = json.loads((built.folder / "estimate.json").read_text(encoding="utf-8"))
    lanes, terms = work(built.folder)
    clock = manifest.board.clock_mhz * 1e6
    row = Row(
        target.title,
        target.frames_per_second,
        clock / manifest.cycles_per_frame,
        manifest.cycles_per_frame,
        simulated.cycles_per_frame,
        simulated.frames,
        simulated.mismatches,
        simulated.accuracy,
        lanes,
        terms / lanes / manifest.cycles_per_frame,
        terms * target.frames_per_second / clock,
        synthesised.total.lut + synthesised.total.lutram,
        synthesised.utilisation["lut"],
        synthesised.total.ff,
        synthesised.total.bram36,
        synthesised.utilisation["bram36"],
        synthesised.total.multipliers,
        synthesised.path_ps / 1000,
        estimate["lut"] + estimate["lutram"],
        seconds,
        simulated.simulated_frames_per_wall_second,
    )
    kept.write_text(json.dumps(vars(row), indent=1) + "\n", encoding="utf-8")
    return row


def work(folder: Path) -> tuple[int, int]:
    """Lanes of the circuit in ``folder``, and the terms that a frame asks them to add."""
    manifest, graph = read_build(folder)
    lanes = terms = 0
    for stage in manifest.stages:
        node = graph[stage.nodes[0]]
        added = terms_of(node, graph.tensors[stage.output])
        if added:
            terms += added
            lanes += stage.lanes * _parallel_terms(node)
    return lanes, terms


@singledispatch
def terms_of(node: Node, output: Tensor) -> int:
    """Terms that ``node`` adds for a frame."""
    return 0


@terms_of.register
def _(node: ShiftMatmul, output: Tensor) -> int:
    return int(np.count_nonzero(node.sign)) * output.shape[1] * output.shape[2]


@terms_of.register
def _(node: L1Matmul, output: Tensor) -> int:
    return node.weight.size * output.shape[1] * output.shape[2]


def _parallel_terms(node: Node) -> int:
    """Terms that a lane adds at once: of a sum of powers of two, all."""
    return len(node.exponent) if isinstance(node, ShiftMatmul) else 1


def _built(target: Target, folder: Path) -> Build:
    """The circuit that reaches the target, or else the fastest that fits."""
    output = folder / target.name
    shutil.rmtree(output, ignore_errors=True)
    images = {
        "calibrate": folder / f"{target.name}_calibration.npz",
        "evaluate": folder / f"{target.name}_test.npz",
    }
    model = folder / f"{target.name}.pt2"
    budgets = {"board": BOARD, "lut_budget": BUDGET, "bram_budget": BUDGET}
    with Progress() as progress:
        task = progress.add_task("", total=1.0)

        def told(text: str, share: float) -> None:
            progress.update(task, description=text, completed=share)

        goal = {**images, **budgets, "progress": told}
        try:
            return compile(model, output=output, target_fps=target.frames_per_second, **goal)
        except SlipstickError as error:
            print(error)
            return compile(model, output=output, **goal)


def markdown(rows: list[Row]) -> str:
    """The table."""
    cells = [tuple(cell(row) for cell in COLUMNS.values()) for row in rows]
    return table(tuple(COLUMNS), cells) + "\n"


if __name__ == "__main__":
    main()
