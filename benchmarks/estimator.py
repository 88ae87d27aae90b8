"""Fits the estimator's coefficients to Yosys, and measures its error on whole networks.

A sweep of components is synthesised one by one; what was found is kept, so that an interrupted
sweep goes on where it stopped. Non-negative least squares over the features of each component
then give the LUTs a feature costs, which are written into the package. Run it with

    python benchmarks/estimator.py            sweep, fit, write
    python benchmarks/estimator.py --quick    with as few components as have every feature twice
    python benchmarks/estimator.py --check DIR...    errors on build folders with a synthesis
"""

import argparse
import datetime
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib import wiring

from slipstick.emit import to_rtlil, to_verilog
from slipstick.estimate.coefficients import EXPECTED, FILE
from slipstick.estimate.counted import Counted
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine, AffineConstants
from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.argmax import Argmax
from slipstick.rtl_templates.credits import Credits
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker
from slipstick.rtl_templates.gate import GateParameters, GateStream
from slipstick.rtl_templates.join import AddStreams, Branch, ConcatStreams
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.moved_reader import MovedReader
from slipstick.rtl_templates.moved_walk import LaneMoves, moved_walk
from slipstick.rtl_templates.pool_lanes import PoolLanes
from slipstick.rtl_templates.regroup import Regroup
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.window_reader import WindowReader
from slipstick.rtl_templates.window_walk import WindowWalk
from slipstick.streams import Layout
from slipstick.synth.cells import count_cells
from slipstick.synth.contents import move_contents
from slipstick.synth.memories import split_memories

ROOT = Path(__file__).parent.parent
STORE = ROOT / "build" / "estimator.jsonl"
TABLE = ROOT / "gen" / "slipstick" / "estimate" / FILE
SEED = 1
KINDS = ("lut", "ff", "lutram", "bram36")
BATCH = 6
"""Components that one run of Yosys synthesises."""


def words(taps: int, lanes: int, width: int, signed: bool) -> LaneInput:
    """Channels of any value."""
    ends = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    return LaneInput(taps, lanes, width, signed, *ends)


def shift_lanes(
    rng: np.random.Generator, shape: tuple[int, ...], width: int, signed: bool, exponents: int
) -> ShiftLanes:
    """Random weights of ``exponents`` exponents, a tenth of them 0; ``(steps, P, Q, S, T)``."""
    exponent = rng.integers(0, exponents, shape)
    sign = rng.choice([-1, 1, 1, 0], shape, p=[0.45, 0.25, 0.2, 0.1])
    return ShiftLanes(words(shape[2], shape[3], width, signed), exponent, sign)


def l1_lanes(rng: np.random.Generator, shape: tuple[int, ...], width: int, signed: bool) -> L1Lanes:
    """Random weights; ``(steps, P, Q, S)``."""
    source = words(shape[2], shape[3], width, signed)
    return L1Lanes(source, rng.integers(source.lo, source.hi + 1, shape))


def affine(
    rng: np.random.Generator, lanes: int, beats: int, terms: int, width: int, floor: bool = False
) -> Affine:
    """Random scales of ``terms`` terms and biases; 8 bits leave it."""
    constants = AffineConstants(
        exponent=rng.integers(0, 8, (terms, beats, lanes)),
        sign=rng.choice([-1, 1], (terms, beats, lanes)),
        bias=rng.integers(-(1 << width + 5), 1 << width + 5, (beats, lanes)),
        shift=width - 1,
        lo=0,
        hi=255,
        rounding="floor" if floor else "half_up",
        real=np.ones((beats, lanes), bool),
        saturates=(False, True),
    )
    return Affine(lanes, -(1 << width - 1), (1 << width - 1) - 1, constants, 8)


def walk(
    size: int, in_words: int, kernel: int, stride: int, taps: int, beats: int, padding: int
) -> WindowWalk:
    """A square window whose beats all read every word."""
    return WindowWalk(
        size, size, in_words, (kernel, kernel), (stride, stride), (padding,) * 4, (1, 1),
        taps, beats, in_words, beats,
    )  # fmt: skip


def engine(lanes: LaneArray, size: int, kernel: int, beats: int, affine_terms: int) -> Engine:
    """``lanes`` with all around them."""
    source = lanes.source
    rng = np.random.default_rng(SEED)
    order = walk(size, 1, kernel, 1, source.taps, beats, kernel // 2)
    reader = WindowReader(order, source.lanes, source.width)
    reach = max(-lanes.sum_lo, lanes.sum_hi) * len(order.kept) // beats
    totals = Accumulate(lanes.outputs, lanes.sum_width, lanes.sum_lo < 0, -reach, reach)
    after = affine(rng, lanes.outputs, beats, affine_terms, totals.width)
    return Engine(reader, lanes, totals, after, 8)


def moved_reader(
    rng: np.random.Generator, size: int, in_words: int, lanes: int, reach: int
) -> MovedReader:
    """Lanes moved at random by up to ``reach``, each the same in every word."""
    shape = (in_words, lanes)
    dy, dx = (np.broadcast_to(rng.integers(-reach, reach + 1, lanes), shape) for _ in range(2))
    moves = LaneMoves(
        np.broadcast_to(np.arange(in_words)[:, None], shape),
        np.broadcast_to(np.arange(lanes), shape), dy, dx,
    )  # fmt: skip
    order = moved_walk(size, size, in_words, (1, 1), 4, in_words, 4, moves, "zero")
    return MovedReader(order, lanes, 8)


def components() -> Iterator[tuple[str, wiring.Component]]:
    """The sweep: what differs between them is what the features count."""
    rng = np.random.default_rng(SEED)
    yield from _lanes(rng)
    yield from _behind_lanes(rng)
    yield from _readers(rng)
    yield from _streams()
    yield from _engines(rng)


def _lanes(rng: np.random.Generator) -> Iterator[tuple[str, wiring.Component]]:
    for exponents in (1, 3, 5, 8, 12, 16):
        yield f"shift {exponents}", shift_lanes(rng, (24, 2, 1, 6, 1), 8, False, exponents)
    for steps in (1, 3, 8, 40, 90, 150):
        yield f"l1 {steps}", l1_lanes(rng, (steps, 2, 1, 8), 8, False)
        yield f"shift {steps} of 8", shift_lanes(rng, (steps, 2, 1, 4, 1), 8, True, 8)
    for exponents in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16):
        for steps in (1, 48, 300):
            shape = (steps, 2, 1, 8, 1)
            yield f"shift {exponents} {steps}", shift_lanes(rng, shape, 8, False, exponents)
    for steps in (2, 4, 9, 16, 32, 64, 100, 128, 600):
        yield f"shift steps {steps}", shift_lanes(rng, (steps, 4, 1, 8, 1), 8, True, 8)
    for width in (3, 4, 6, 10):
        yield f"shift width {width}", shift_lanes(rng, (48, 2, 1, 16, 1), width, False, 8)
    for terms in (2, 3):
        for steps in (1, 40):
            yield (
                f"shift terms {terms} {steps}",
                shift_lanes(rng, (steps, 4, 1, 5, terms), 8, False, 6),
            )
    for shape in ((1, 4, 1, 16), (4, 4, 1, 16), (16, 4, 9, 4), (64, 4, 1, 8), (100, 2, 9, 2),
                  (128, 8, 1, 7), (300, 4, 9, 4), (36, 1, 1, 32), (36, 16, 1, 3)):  # fmt: skip
        for width, signed in ((8, False), (5, True)):
            yield f"l1 {shape} {width}", l1_lanes(rng, shape, width, signed)
    for taps in (1, 2, 4, 9):
        for kind in ("sum", "max"):
            yield f"pool {taps} {kind}", PoolLanes(words(taps, 4, 8, False), kind)  # type: ignore[arg-type]


def _behind_lanes(rng: np.random.Generator) -> Iterator[tuple[str, wiring.Component]]:
    for width in (8, 14, 20):
        yield f"accumulate {width}", Accumulate(4, width, True, -(4 << width), 4 << width)
        yield f"accumulate max {width}", Accumulate(4, width, True, -(1 << width - 1), 0, "max")
    for lanes, beats, terms, width in (
        (1, 1, 1, 12), (1, 16, 3, 16), (2, 8, 3, 20), (4, 1, 3, 18), (4, 4, 2, 16), (8, 2, 3, 16),
        (16, 1, 3, 16), (4, 64, 3, 20), (1, 64, 3, 24), (2, 200, 3, 16),
    ):  # fmt: skip
        for floor in (False, True):
            name = f"affine {lanes} {beats} {terms} {width} {floor}"
            yield name, affine(rng, lanes, beats, terms, width, floor)
    for lanes in (1, 4, 16):
        after = affine(rng, lanes, 4, 3, 10)
        yield f"affine stage {lanes}", AffineStage(after, lanes, 10, True, 8)


def _readers(rng: np.random.Generator) -> Iterator[tuple[str, wiring.Component]]:
    for size, in_words, kernel, stride, taps, beats, padding, lanes in (
        (32, 1, 3, 1, 9, 4, 1, 16), (32, 1, 3, 1, 9, 16, 1, 1), (32, 4, 3, 1, 3, 4, 1, 4),
        (32, 16, 3, 1, 1, 16, 1, 1), (16, 2, 3, 2, 9, 8, 1, 16), (16, 8, 3, 1, 1, 4, 1, 4),
        (8, 4, 3, 1, 9, 16, 1, 16), (8, 64, 3, 1, 1, 64, 1, 1), (32, 4, 1, 1, 1, 4, 0, 8),
        (28, 1, 5, 1, 25, 16, 2, 1), (28, 1, 3, 1, 9, 4, 1, 1), (14, 2, 3, 1, 3, 4, 1, 8),
        (14, 16, 2, 2, 1, 1, 0, 1), (14, 4, 2, 2, 4, 1, 0, 4), (7, 8, 3, 1, 9, 8, 1, 4),
        (1, 64, 1, 1, 1, 10, 0, 1), (1, 49, 1, 1, 1, 12, 0, 32), (8, 1, 8, 1, 64, 1, 0, 4),
    ):  # fmt: skip
        order = walk(size, in_words, kernel, stride, taps, beats, padding)
        name = f"reader {size} {in_words} {kernel} {stride} {taps} {beats}"
        yield name, WindowReader(order, lanes, 8)
    for size, in_words, lanes, reach in (
        (32, 1, 16, 1), (32, 4, 4, 1), (16, 2, 16, 1), (8, 8, 8, 1), (16, 1, 9, 2), (28, 6, 3, 1),
    ):  # fmt: skip
        yield f"moved {size} {in_words} {lanes}", moved_reader(rng, size, in_words, lanes, reach)
    for keep in (0.5, 0.25):
        full = walk(14, 8, 3, 1, 1, 8, 1)
        steps = np.arange(8 * 72)
        skipped = tuple(int(s) for s in steps[(rng.random(len(steps)) > keep) & (steps % 72 > 0)])
        order = WindowWalk(
            **{**{f: getattr(full, f) for f in full.__dataclass_fields__}, "skipped": skipped}
        )
        yield f"program {keep}", WindowReader(order, 4, 8)


def _streams() -> Iterator[tuple[str, wiring.Component]]:
    for bits in (8, 64, 128):
        for depth in (1, 2, 3, 9, 20, 33, 50, 80, 130, 300, 1000):
            yield f"fifo {bits} {depth}", Fifo(bits, depth)
    for count in (2, 5, 12, 30, 60):
        yield f"credits {count}", Credits(count)
    for outputs in (2, 3):
        yield f"fork {outputs}", Fork(32, outputs)
    for bits, beats in ((8, 784), (24, 1024), (64, 49), (3, 3072)):
        yield f"guard {bits} {beats}", FrameGuard(bits, beats)
        yield f"marker {bits} {beats}", FrameMarker(bits, beats)
    for channels, source, target in (
        (16, 16, 4), (16, 4, 16), (64, 64, 1), (64, 1, 64), (24, 4, 6), (32, 2, 1), (16, 1, 16),
        (32, 8, 4), (48, 16, 24), (16, 1, 2), (64, 8, 32), (10, 10, 4), (32, 1, 3),
    ):  # fmt: skip
        layouts = (Layout.natural(channels, lanes) for lanes in (source, target))
        yield f"regroup {channels} {source} {target}", Regroup(*layouts, 8)
    for lanes in (1, 8, 16):
        adder = AddStreams(lanes, Branch(8, False, 1), Branch(9, True, 0), -256, 765)
        yield f"add {lanes}", adder
        for branches in (2, 3):
            fields = (Branch(8, False, 0),) * branches
            yield f"concat {lanes} {branches}", ConcatStreams(lanes, (4,) * branches, fields, 8)
        gate = GateParameters(
            lanes, 32 // lanes, 49, 8, True, 8, True, (80, 40, 20, 0, -50), -4096, 4064
        )
        yield f"gate {lanes}", GateStream(gate)
    for lanes in (1, 2, 5, 10):
        yield f"argmax {lanes}", Argmax(Layout.natural(10, lanes), 12, True)


def _engines(rng: np.random.Generator) -> Iterator[tuple[str, wiring.Component]]:
    for taps, kernel, channels, outputs, beats in (
        (9, 3, 4, 4, 4), (9, 3, 1, 2, 8), (3, 3, 4, 4, 8),
        (1, 3, 8, 2, 4), (1, 1, 16, 4, 8), (1, 1, 4, 8, 2),
    ):  # fmt: skip
        steps = beats * kernel * kernel // taps
        for size in (28, 8):
            shape = (steps, outputs, taps, channels)
            name = f"{taps} {kernel} {channels} {outputs} {beats} {size}"
            shifted = shift_lanes(rng, (*shape, 1), 8, False, 7)
            yield f"shift engine {name}", engine(shifted, size, kernel, beats, 3)
            yield (
                f"l1 engine {name}",
                engine(l1_lanes(rng, shape, 8, False), size, kernel, beats, 3),
            )


def synthesised(parts: list[wiring.Component]) -> list[dict[str, Any]]:
    """What Yosys makes of each of ``parts``; what was met before is taken from the store.

    All parts of a batch are modules of one design whose borders are kept, which saves the time
    that Yosys takes to start.
    """
    known = stored()
    texts = [to_rtlil(part, f"part{number}") for number, part in enumerate(parts)]
    keys = [
        hashlib.sha256(re.sub(r"part\d+", "part", text).encode()).hexdigest() for text, _ in texts
    ]
    for first in range(0, len(parts), BATCH):
        batch = [n for n in range(first, min(first + BATCH, len(parts))) if keys[n] not in known]
        found = _synthesised({n: texts[n][0] for n in batch}) if batch else {}
        with STORE.open("a", encoding="utf-8") as store:
            for number, resources in found.items():
                known[keys[number]] = resources
                store.write(json.dumps({"key": keys[number], **resources}) + "\n")
        print(f"{min(first + BATCH, len(parts))} of {len(parts)}", file=sys.stderr, flush=True)
    return [known[key] for key in keys]


def _synthesised(texts: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        to_verilog("\n".join(texts.values()), folder / "rtl")
        sources = [path.read_text() for path in sorted(folder.glob("rtl/*.v"))]
        (folder / "design.v").write_text(move_contents("\n".join(sources), folder))
        command = [sys.executable, __file__, "--worker", *(f"part{number}" for number in texts)]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text())
        return {int(name.removeprefix("part")): resources for name, resources in found.items()}


class _OneModule:
    """A module in the place of a design, for what works on a design's top."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def top_module(self) -> Any:
        """The module."""
        return self._module


def worker(names: list[str]) -> None:
    """Synthesises the modules ``names`` of ``design.v`` as `slipstick.synth.worker` does."""
    from pyosys import libyosys

    design = libyosys.Design()
    design.run_pass("read_verilog -sv design.v")
    instances = "".join(f"{name} i_{name}();\n" for name in names)
    Path("all.v").write_text(f"module all;\n{instances}endmodule\n")
    design.run_pass("read_verilog -sv all.v")
    design.run_pass(f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}")
    synthesise = "synth_xilinx -family xc7 -top all -flatten -noiopad -noclkbuf -run "
    design.run_pass(synthesise + "begin:map_memory")
    for name in names:
        split_memories(_OneModule(design.module(libyosys.IdString(f"\\{name}"))))
    design.run_pass(synthesise + "map_memory:check")
    found = {}
    for name in names:
        module = design.module(libyosys.IdString(f"\\{name}"))
        found[name] = asdict(count_cells(str(c.type)[1:] for c in module.cells_.values()))
    Path("found.json").write_text(json.dumps(found))


def stored() -> dict[str, dict[str, Any]]:
    """What earlier sweeps found, by hash of the text."""
    if not STORE.exists():
        return {}
    lines = [json.loads(line) for line in STORE.read_text(encoding="utf-8").splitlines()]
    return {line.pop("key"): line for line in lines}


def non_negative(matrix: np.ndarray, wanted: np.ndarray, rounds: int = 20000) -> np.ndarray:
    """Least squares with coefficients of at least 0, by coordinate descent."""
    scale = np.sqrt((matrix**2).sum(axis=0))
    scale[scale == 0] = 1
    gram = (matrix / scale).T @ (matrix / scale)
    target = (matrix / scale).T @ wanted
    found = np.zeros(len(gram))
    for _ in range(rounds):
        before = found.copy()
        for index in range(len(gram)):
            rest = target[index] - gram[index] @ found + gram[index, index] * found[index]
            found[index] = max(0.0, rest / max(gram[index, index], 1e-12))
        if np.abs(found - before).max() < 1e-6:
            break
    return np.asarray(found / scale)


PULL = 0.1
"""How strongly a feature is drawn to `EXPECTED`, for those that few components have."""


def fit(rows: list[tuple[Mapping[str, float], int]]) -> tuple[dict[str, float], np.ndarray]:
    """LUTs a feature, and the estimate of each row. Small rows count less than large ones."""
    names = sorted({name for features, _ in rows for name in features})
    matrix = np.array([[features.get(name, 0) for name in names] for features, _ in rows], float)
    luts = np.array([lut for _, lut in rows], float)
    weight = 1 / np.maximum(luts, 60)
    pull = PULL * np.eye(len(names))
    found = non_negative(
        np.vstack([matrix * weight[:, None], pull]),
        np.concatenate([luts * weight, EXPECTED * pull.sum(axis=1)]),
    )
    return dict(zip(names, found.round(4).tolist(), strict=True)), matrix @ found


def sweep(is_quick: bool) -> None:
    """Synthesises the components, fits, prints and writes what a feature takes."""
    named = list(components())
    found = [counted(part) for _, part in named]
    if is_quick:
        chosen = covering(found)
        named, found = [named[n] for n in chosen], [found[n] for n in chosen]
    truth = synthesised([part for _, part in named])
    luts, estimates = fit([(f.features, t["lut"]) for f, t in zip(found, truth, strict=True)])
    print("component, then estimate/synthesis of LUT, FF, LUTRAM, BRAM36")
    for (name, _), mine, real, lut in zip(named, found, truth, estimates, strict=True):
        pairs = (lut, "lut"), (mine.ff, "ff"), (mine.lutram, "lutram"), (mine.bram18 / 2, "bram36")
        print(f"{name:36}", *(f"{count:8.5g}/{real[kind]:<6g}" for count, kind in pairs))
    print(json.dumps(luts, indent=1))
    errors = np.array([e / max(t["lut"], 20) - 1 for e, t in zip(estimates, truth, strict=True)])
    _write(luts, errors)


def covering(found: list[Counted], times: int = 2) -> list[int]:
    """Few small components in which every feature occurs ``times`` times, if it does at all."""
    left = Counter({name: times for each in found for name in each.features})
    sizes = [20 + sum(each.features.values()) + each.ff + 99 * each.bram18 for each in found]
    chosen: list[int] = []
    while True:
        gains = [
            0 if number in chosen else sum(left[name] > 0 for name in each.features) / size
            for number, (each, size) in enumerate(zip(found, sizes, strict=True))
        ]
        best = int(np.argmax(gains))
        if not gains[best]:
            return sorted(chosen)
        chosen.append(best)
        left.subtract(found[best].features.keys())


def _write(luts: dict[str, float], errors: np.ndarray) -> None:
    lines = [
        "# LUTs that one unit of each feature takes; `python benchmarks/estimator.py` writes this.",
        f'date = "{datetime.date.today().isoformat()}"',
        f'pyosys = "{version("pyosys")}"',
        f"components = {len(errors)}",
        f"mean_error = {np.abs(errors).mean():.4f}",
        f"largest_error = {np.abs(errors).max():.4f}",
        "",
        "[luts]",
        *(f'"{name}" = {weight:.4f}' for name, weight in sorted(luts.items())),
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(folder: Path) -> None:
    """Estimate beside synthesis, instance by instance, for the build in ``folder``."""
    estimate = json.loads((folder / "estimate.json").read_text(encoding="utf-8"))
    synthesis = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    truth = {row["instance"]: row for row in synthesis["per_layer"]}
    for row in (*estimate["per_layer"], {"instance": "total", **estimate}):
        real = truth.get(row["instance"], synthesis)
        pairs = " ".join(f"{row[kind]:8g}/{real[kind]:<8g}" for kind in KINDS)
        print(
            f"{row['instance']:32} {pairs} {100 * (row['lut'] / max(1, real['lut']) - 1):+6.1f} %"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer components")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--check", nargs="+", type=Path, metavar="DIR", help="build folders")
    given = parser.parse_args()
    if given.worker:
        worker(given.worker)
        return
    if given.check:
        for folder in given.check:
            check(folder)
        return
    sweep(given.quick)


if __name__ == "__main__":
    sys.exit(main())
