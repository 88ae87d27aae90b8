"""The components of the sweep: what differs between them is what the features count.

Their sizes are those of layers of 16 to 64 channels, their number what a core does in less than
half an hour. No weights of a trained network are among them.
"""

from collections.abc import Iterator, Sequence

from amaranth.lib import wiring

from estimates.parts import (
    affine,
    engine,
    l1_lanes,
    moved_reader,
    shift_lanes,
    sparse_reader,
    walk,
    words,
)
from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.argmax import Argmax
from slipstick.rtl_templates.credits import Credits
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker
from slipstick.rtl_templates.gate import GateParameters, GateStream
from slipstick.rtl_templates.join import AddStreams, Branch, ConcatStreams
from slipstick.rtl_templates.pool_lanes import PoolLanes
from slipstick.rtl_templates.regroup import Regroup
from slipstick.rtl_templates.window_reader import WindowReader
from slipstick.streams import Layout

Parts = Iterator[tuple[str, wiring.Component]]


def components(groups: Sequence[str]) -> Parts:
    """Name and component of each of ``groups``; the same in every run."""
    for group in groups:
        yield from GROUPS[group]()


def _streams() -> Parts:
    for bits, depth in (
        (8, 1), (64, 1), (8, 2), (64, 2), (8, 3), (16, 9), (128, 20), (8, 33), (8, 50), (64, 80),
        (8, 130), (32, 150), (8, 250), (8, 300), (64, 1000), (16, 80), (16, 100), (16, 129),
        (12, 129), (64, 1100), (32, 3000),
    ):  # fmt: skip
        yield f"fifo {bits} {depth}", Fifo(bits, depth)
    for count in (2, 3, 5, 8, 12, 20):
        yield f"credits {count}", Credits(count)
    for outputs in (2, 3, 4):
        yield f"fork {outputs}", Fork(32, outputs)
    for bits, beats in ((8, 784), (24, 1024), (64, 49), (3, 3072)):
        yield f"guard {bits} {beats}", FrameGuard(bits, beats)
        yield f"marker {bits} {beats}", FrameMarker(bits, beats)
    yield from _regroups()
    yield from _joins()


def _regroups() -> Parts:
    for channels, source, target in (
        (16, 16, 4), (16, 4, 16), (64, 64, 1), (64, 1, 64), (24, 4, 6), (32, 2, 1), (16, 1, 4),
        (32, 8, 4), (48, 16, 24), (16, 1, 2), (64, 8, 32), (10, 10, 4), (32, 1, 3), (36, 1, 6),
    ):  # fmt: skip
        layouts = (Layout.natural(channels, lanes) for lanes in (source, target))
        yield f"regroup {channels} {source} {target}", Regroup(*layouts, 8)


def _joins() -> Parts:
    for lanes in (1, 8):
        adder = AddStreams(lanes, Branch(8, False, 1), Branch(9, True, 0), -256, 765)
        yield f"add {lanes}", adder
        for branches in (2, 3):
            fields = (Branch(8, False, 0),) * branches
            yield f"concat {lanes} {branches}", ConcatStreams(lanes, (4,) * branches, fields, 8)
        gate = GateParameters(
            lanes, 32 // lanes, 49, 8, True, 8, True, (80, 40, 20, 0, -50), -4096, 4064
        )
        yield f"gate {lanes}", GateStream(gate)


def _readers() -> Parts:
    for size, in_words, kernel, stride, taps, beats, padding, lanes in (
        (28, 1, 3, 1, 9, 4, 1, 1), (14, 2, 3, 1, 3, 4, 1, 2), (14, 16, 2, 2, 1, 1, 0, 1),
        (14, 8, 3, 1, 1, 8, 1, 1), (1, 64, 1, 1, 1, 10, 0, 1), (7, 32, 7, 1, 1, 1, 0, 1),
        (16, 2, 3, 2, 3, 8, 1, 2), (20, 5, 1, 1, 1, 6, 0, 2), (28, 1, 5, 1, 5, 16, 2, 1),
        (28, 8, 1, 2, 1, 8, 0, 1),
    ):  # fmt: skip
        order = walk(size, in_words, kernel, stride, taps, beats, padding)
        name = f"reader {size} {in_words} {kernel} {stride} {taps} {beats}"
        yield name, WindowReader(order, lanes, 8)


def _moves() -> Parts:
    for size, in_words, lanes, reach in ((14, 2, 4, 1), (28, 6, 3, 1), (16, 1, 5, 2)):
        yield f"moved {size} {in_words} {lanes}", moved_reader(size, in_words, lanes, reach)
    for kept in (0.5, 0.1):
        yield f"sparse {kept}", sparse_reader(kept)


def _behind_lanes() -> Parts:
    for lanes in (1, 2, 5):
        yield f"argmax {lanes}", Argmax(Layout.natural(10, lanes), 12, True)
    for width in (8, 18):
        yield f"accumulate {width}", Accumulate(2, width, True, -(4 << width), 4 << width)
        yield f"accumulate max {width}", Accumulate(2, width, True, -(1 << width - 1), 0, "max")
    for taps in (4, 9):
        for kind in ("sum", "max"):
            yield f"pool {taps} {kind}", PoolLanes(words(taps, 2, 8, False), kind)  # type: ignore[arg-type]
    for lanes, beats, terms, width in (
        (1, 16, 3, 16), (2, 8, 2, 20), (1, 64, 3, 24), (4, 1, 2, 18), (1, 200, 2, 16),
    ):  # fmt: skip
        for floor in (False, True):
            name = f"affine {lanes} {beats} {terms} {width} {floor}"
            yield name, affine(lanes, beats, terms, width, floor)
    for lanes in (1, 3):
        after = affine(lanes, 4, 2, 10)
        yield f"affine stage {lanes}", AffineStage(after, lanes, 10, True, 8)


def _lanes() -> Parts:
    for exponents, steps, outputs, channels in (
        (8, 8, 2, 4), (8, 128, 2, 4), (14, 40, 2, 4), (4, 9, 2, 4), (8, 4, 2, 4), (8, 576, 2, 4),
        (2, 36, 2, 4), (6, 18, 1, 12), (8, 64, 2, 12),
    ):  # fmt: skip
        shape = (steps, outputs, 1, channels, 1)
        name = f"shift {exponents} {steps} {outputs}x{channels}"
        yield name, shift_lanes(shape, 8, False, exponents)
    for width in (4, 6):
        shape = (48, 2, 1, 4, 1)
        yield f"shift signed {width}", shift_lanes(shape, width, True, 8)
    for steps in (200, 400):
        shape = (steps, 1, 1, 4, 1)
        yield f"shift {steps} in LUTs", shift_lanes(shape, 8, False, 8, "lut")
    yield "shift of two terms", shift_lanes((40, 2, 1, 3, 2), 8, False, 6)
    for shape, width, signed in (
        ((16, 2, 3, 2), 8, False), ((64, 2, 1, 8), 5, True), ((100, 1, 3, 3), 8, True),
        ((576, 2, 1, 8), 6, False),
    ):  # fmt: skip
        yield f"l1 {shape} {width}", l1_lanes(shape, width, signed)


def _engines() -> Parts:
    # Tables vanish into the LUTs behind them only where these are not as deep as others.
    for steps in (8, 16, 24, 96):
        l1 = l1_lanes((steps, 2, 1, 6), 8, False)
        yield f"l1 engine {steps}", engine(l1, 14, 1, steps, 2)
        shifted = shift_lanes((steps, 2, 1, 6, 1), 8, False, 8)
        yield f"shift engine {steps}", engine(shifted, 14, 1, steps, 2)
    for taps, kernel, channels, outputs, beats in ((3, 3, 2, 1, 4),):
        steps = beats * kernel * kernel // taps
        shape = (steps, outputs, taps, channels)
        name = f"{taps} {kernel} {channels} {outputs} {beats}"
        shifted = shift_lanes((*shape, 1), 8, False, 7)
        yield f"shift engine {name}", engine(shifted, 14, kernel, beats, 3)
        l1 = l1_lanes(shape, 8, False)
        yield f"l1 engine {name}", engine(l1, 14, kernel, beats, 3)


GROUPS = {
    "streams": _streams,
    "readers": _readers,
    "moves": _moves,
    "engines": _engines,
    "lanes": _lanes,
    "behind lanes": _behind_lanes,
}
"""What makes the components of each group."""
