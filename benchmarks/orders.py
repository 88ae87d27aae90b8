# amaranth: UnusedElaboratable=no
"""What other orders of a layer's channels could save: lanes whose exponents lie closer together.

    python benchmarks/orders.py BUILD_DIR...

Any order of a shift layer's input and output channels gives the same result if its neighbours
follow, and decides which weights a lane meets. For each folded shift layer of build folders,
channels are exchanged as long as the lanes' exponents then span less in all, and the estimates of
the lanes before and after are printed. The search is a heuristic that may miss better orders, and
neighbours, which may want other ones, are not asked.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from slipstick.built import read_build
from slipstick.elaborate import component
from slipstick.estimate.network import resources
from slipstick.fold import Fold, Stage, plan_with
from slipstick.graph import Graph, ShiftMatmul
from slipstick.rtl_templates.shift_lanes import ShiftLanes

EXCHANGES = 6000


def main() -> None:
    """Prints a line a layer and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="BUILD_DIR")
    for folder in parser.parse_args().folders:
        total = np.zeros(2, np.int64)
        for name, before, after in savings(folder):
            total += before, after
            print(f"{folder.name} {name:24} {before:7,} LUT, {after / before - 1:+.1%}")
        if total.any():
            print(f"{folder.name} {'all':24} {total[0]:7,} LUT, {total[1] / total[0] - 1:+.1%}")


def savings(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name of each folded shift layer, LUTs of its lanes, and of those in a better order."""
    manifest, graph = read_build(folder)
    folds = {s.instance: Fold(*s.fold.model_dump().values()) for s in manifest.stages if s.fold}
    for stage in plan_with(graph, folds).stages:
        node, fold = stage.nodes.node, stage.fold
        if not isinstance(node, ShiftMatmul) or node.groups > 1 or fold is None:
            continue
        outputs, inputs = node.sign.shape[1:3]
        if outputs % fold.outputs or inputs % fold.inputs:
            continue
        before, after = (_luts(each, stage, graph) for each in (node, ordered(node, fold)))
        if before:
            yield node.name, before, after


def _luts(node: ShiftMatmul, stage: Stage, graph: Graph) -> int:
    """Of the lanes of ``node`` as ``stage`` folds it; 0 where they are hardwired."""
    lanes = component(node, stage, graph)._lanes
    return resources(lanes).lut if isinstance(lanes, ShiftLanes) else 0


def ordered(node: ShiftMatmul, fold: Fold) -> ShiftMatmul:
    """``node`` with its channels exchanged until its lanes' exponents span as little as found."""
    rng = np.random.default_rng(0)
    orders = [np.arange(count) for count in node.sign.shape[1:3]]
    best = _span(node, fold, *orders)
    for _ in range(EXCHANGES):
        order = orders[rng.integers(2)]
        a, b = rng.integers(len(order), size=2)
        order[[a, b]] = order[[b, a]]
        span = _span(node, fold, *orders)
        if span <= best:
            best = span
        else:
            order[[a, b]] = order[[b, a]]
    outputs, inputs = orders
    return replace(
        node,
        exponent=node.exponent[:, outputs][:, :, inputs],
        sign=node.sign[:, outputs][:, :, inputs],
        bias=node.bias[outputs],
    )


def _span(node: ShiftMatmul, fold: Fold, outputs: np.ndarray, inputs: np.ndarray) -> int:
    """Shifts that all lanes choose from in all, channels in these orders."""

    def of_lanes(table: np.ndarray) -> np.ndarray:
        table = table[:, outputs][:, :, inputs]
        terms, rows, columns = len(table), len(outputs), len(inputs)
        table = table.reshape(
            terms, rows // fold.outputs, fold.outputs, columns // fold.inputs, fold.inputs, -1
        )
        table = table.reshape(*table.shape[:-1], -1, fold.taps)
        return table.transpose(0, 2, 4, 6, 1, 3, 5).reshape(-1, table.size // _lanes(terms, fold))

    exponent, real = of_lanes(node.exponent), of_lanes(node.sign) != 0
    far = 1 << 20
    highest = np.where(real, exponent, -far).max(axis=1)
    lowest = np.where(real, exponent, far).min(axis=1)
    return int((highest - lowest + 1)[real.any(axis=1)].sum())


def _lanes(terms: int, fold: Fold) -> int:
    return terms * fold.outputs * fold.inputs * fold.taps


if __name__ == "__main__":
    main()
