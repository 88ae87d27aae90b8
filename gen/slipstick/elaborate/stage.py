"""Builds the component of one stage from its nodes and its plan."""

import math
from functools import singledispatch

import numpy as np
from amaranth.lib import wiring

from slipstick.fold import Stage, arrange_channels, arrange_weights, is_real
from slipstick.graph import (
    Add,
    Argmax,
    Concat,
    Gate,
    Graph,
    L1Matmul,
    Move,
    Node,
    Pool,
    ShiftMatmul,
    Tensor,
)
from slipstick.graph import Affine as AffineNode
from slipstick.graph.nodes import PoolKind
from slipstick.rtl_templates.accumulate import Accumulate
from slipstick.rtl_templates.affine import Affine, AffineConstants
from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.argmax import Argmax as ArgmaxUnit
from slipstick.rtl_templates.engine import Engine
from slipstick.rtl_templates.gate import GateParameters, GateStream
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.join import AddStreams, Branch, ConcatStreams
from slipstick.rtl_templates.join_stage import JoinStage
from slipstick.rtl_templates.l1_lanes import L1Lanes
from slipstick.rtl_templates.lanes import LaneArray, LaneInput
from slipstick.rtl_templates.moved_reader import MovedReader
from slipstick.rtl_templates.moved_walk import MovedWalk
from slipstick.rtl_templates.pool_lanes import PoolLanes
from slipstick.rtl_templates.row_ring import RowRing
from slipstick.rtl_templates.shift_lanes import ShiftLanes
from slipstick.rtl_templates.single_step import SingleStep
from slipstick.rtl_templates.weight_rom import RomStyle
from slipstick.rtl_templates.window_reader import WindowReader


@singledispatch
def component(node: Node, stage: Stage, graph: Graph) -> wiring.Component:
    """The hardware of ``stage``, whose first node is ``node``.

    Ports: ``i`` (or ``i0``, ``i1``, ... where a stage reads several tensors) and ``o``.
    """
    raise TypeError(f"Node must be a kind that has a stage, not {type(node).__name__}")


def _sources(stage: Stage, graph: Graph) -> list[Tensor]:
    return [graph.tensors[name] for name in stage.nodes.inputs]


def _affine(stage: Stage, graph: Graph, scale: int, offset: np.ndarray, lo: int, hi: int) -> Affine:
    """The stage's affine for raw totals ``t`` with ``accumulator = scale * t + offset``.

    ``offset`` has shape ``(beats, lanes)``. A stage without an affine node gets the identity.
    """
    layout = stage.output_layout
    output = graph.tensors[stage.nodes.output]
    node = stage.nodes.affine
    if node is None:
        channels = output.shape[0]
        node = AffineNode(
            name="identity",
            inputs=(),
            exponent=np.zeros((1, channels), np.int64),
            sign=np.ones((1, channels), np.int64),
            bias=np.zeros(channels, np.int64),
            shift=0,
            lo=int(output.lo.min()),
            hi=int(output.hi.max()),
            frac=output.frac,
        )
    multiplier = arrange_channels(node.multiplier, layout)
    constants = AffineConstants(
        exponent=arrange_channels(node.exponent, layout),
        sign=scale * arrange_channels(node.sign, layout),
        bias=(arrange_channels(node.bias, layout) + multiplier * offset) * is_real(layout),
        shift=node.shift,
        lo=node.lo,
        hi=node.hi,
        rounding=node.rounding,
        real=is_real(layout),
        saturates=node.saturates,
    )
    return Affine(layout.lanes, lo, hi, constants, output.width)


def _matmul(stage: Stage, graph: Graph, lanes: LaneArray, scale: int, offset: np.ndarray) -> Engine:
    """An engine whose raw totals ``t`` mean ``scale * t + offset``, ``offset (beats, lanes)``."""
    assert stage.walk is not None
    layout = stage.output_layout
    accumulator = graph.tensors[stage.nodes.node.name]
    ends = np.stack(
        [
            scale * (arrange_channels(end, layout) - offset)
            for end in (accumulator.lo, accumulator.hi)
        ]
    )[:, is_real(layout)]
    lo, hi = int(ends.min()), int(ends.max())
    kind = SingleStep if _is_hardwired(stage) else Accumulate
    accumulate = kind(layout.lanes, lanes.sum_width, lanes.sum_lo < 0, lo, hi)
    affine = _affine(stage, graph, scale, offset, lo, hi)
    width = graph.tensors[stage.nodes.output].width
    return Engine(_reader(stage, lanes), lanes, accumulate, affine, width)


def _is_hardwired(stage: Stage) -> bool:
    """Whether the lanes meet all weights of a pixel in one step: then they never change."""
    assert stage.walk is not None
    return len(stage.walk.kept) == 1


def _rom(stage: Stage) -> RomStyle | None:
    """What holds the weights, if that was chosen."""
    return stage.fold.rom if stage.fold else None


def _reader(stage: Stage, lanes: LaneArray, outside: int = 0) -> RowRing:
    """The line buffer in front of ``lanes``."""
    assert stage.walk is not None
    if isinstance(stage.walk, MovedWalk):
        return MovedReader(stage.walk, stage.input_layouts[0].lanes, lanes.source.width)
    return WindowReader(stage.walk, lanes.source.lanes, lanes.source.width, outside)


def _lane_input(stage: Stage, source: Tensor) -> LaneInput:
    """What the lanes read: a channel of ``source``, or 0 from a pad lane or a padded tap."""
    assert stage.walk is not None
    assert stage.words is not None
    return LaneInput(
        taps=math.prod(stage.walk.parallel_kernel),
        lanes=stage.words.lanes,
        width=source.width,
        signed=source.signed,
        lo=min(int(source.lo.min()), 0),
        hi=max(int(source.hi.max()), 0),
    )


@component.register
def _(node: ShiftMatmul, stage: Stage, graph: Graph) -> Engine:
    (source,) = _sources(stage, graph)
    words, layout, walk = stage.words, stage.output_layout, stage.walk
    assert walk is not None
    assert words is not None
    exponent, sign = (
        np.stack(
            [arrange_weights(term, walk, words, layout, node.groups) for term in table], axis=-1
        )
        for table in (node.exponent, node.sign)
    )
    taken = _lane_input(stage, source)
    lanes: HardwiredShift | ShiftLanes = (
        HardwiredShift(taken, exponent, sign)
        if _is_hardwired(stage)
        else ShiftLanes(taken, exponent, sign, _rom(stage))
    )
    offset = lanes.correction(walk.beat_starts) + arrange_channels(node.bias, layout)
    return _matmul(stage, graph, lanes, 1, offset)


@component.register
def _(node: L1Matmul, stage: Stage, graph: Graph) -> Engine:
    (source,) = _sources(stage, graph)
    walk, words, layout = stage.walk, stage.words, stage.output_layout
    assert walk is not None
    assert words is not None
    taken = _lane_input(stage, source)
    # Lossless: what lies outside the input's interval adds the same to every distance.
    clipped = np.clip(node.weight, taken.lo, taken.hi)
    bias = node.bias - np.abs(node.weight - clipped).sum(axis=(1, 2, 3))
    weight = arrange_weights(clipped, walk, words, layout, node.groups)
    # Hardwired lanes give the negated distance, folded ones the distance.
    lanes, scale = (
        (HardwiredL1(taken, weight), 1)
        if _is_hardwired(stage)
        else (L1Lanes(taken, weight, _rom(stage)), -1)
    )
    offset = lanes.correction(walk.beat_starts) + arrange_channels(bias, layout)
    return _matmul(stage, graph, lanes, scale, offset)


@component.register
def _(node: Pool, stage: Stage, graph: Graph) -> Engine:
    (source,) = _sources(stage, graph)
    return _pooling(stage, graph, node.kind, int(source.lo.min()) if node.kind == "max" else 0)


def _pooling(stage: Stage, graph: Graph, kind: PoolKind, outside: int) -> Engine:
    """An engine without weights; ``outside`` is what it reads outside the image."""
    (source,) = _sources(stage, graph)
    pooled = graph.tensors[stage.nodes.node.name]
    lanes = PoolLanes(_lane_input(stage, source), kind)
    lo, hi = min(int(pooled.lo.min()), 0), max(int(pooled.hi.max()), 0)
    accumulate = Accumulate(lanes.outputs, lanes.sum_width, lanes.sum_lo < 0, lo, hi, kind)
    affine = None
    if stage.nodes.affine or accumulate.width != pooled.width:
        offset = np.zeros(is_real(stage.output_layout).shape, np.int64)
        affine = _affine(stage, graph, 1, offset, lo, hi)
    width = graph.tensors[stage.nodes.output].width
    return Engine(_reader(stage, lanes, outside), lanes, accumulate, affine, width)


@component.register
def _(node: Move, stage: Stage, graph: Graph) -> Engine:
    # A pool of one tap: what moves are the addresses.
    return _pooling(stage, graph, "max", 0)


@component.register
def _(node: AffineNode, stage: Stage, graph: Graph) -> AffineStage:
    (source,) = _sources(stage, graph)
    layout = stage.output_layout
    output = graph.tensors[node.name]
    constants = AffineConstants(
        exponent=arrange_channels(node.exponent, layout),
        sign=arrange_channels(node.sign, layout),
        bias=arrange_channels(node.bias, layout),
        shift=node.shift,
        lo=node.lo,
        hi=node.hi,
        rounding=node.rounding,
        real=is_real(layout),
        saturates=node.saturates,
    )
    lo, hi = min(int(source.lo.min()), 0), max(int(source.hi.max()), 0)
    affine = Affine(layout.lanes, lo, hi, constants, output.width)
    return AffineStage(affine, layout.lanes, source.width, source.signed, output.width)


@component.register
def _(node: Add, stage: Stage, graph: Graph) -> JoinStage:
    a, b = _sources(stage, graph)
    lo, hi = _bounds_with_pads(graph.tensors[node.name])
    adder = AddStreams(
        stage.output_layout.lanes,
        Branch(a.width, a.signed, node.shifts[0]),
        Branch(b.width, b.signed, node.shifts[1]),
        lo,
        hi,
    )
    return _joined(stage, graph, adder)


@component.register
def _(node: Gate, stage: Stage, graph: Graph) -> JoinStage:
    x, z = _sources(stage, graph)
    layout = stage.output_layout
    lo, hi = _bounds_with_pads(graph.tensors[node.name])
    gate = GateParameters(
        lanes=layout.lanes,
        beats=len(layout.beats),
        pixels=x.shape[1] * x.shape[2],
        x_width=x.width,
        x_signed=x.signed,
        z_width=z.width,
        z_signed=z.signed,
        thresholds=tuple(node.thresholds.tolist()),
        lo=lo,
        hi=hi,
    )
    return _joined(stage, graph, GateStream(gate))


def _bounds_with_pads(tensor: Tensor) -> tuple[int, int]:
    """The interval of a stream's lanes: a pad lane gives 0, which the tensor's need not hold."""
    return min(int(tensor.lo.min()), 0), max(int(tensor.hi.max()), 0)


def _joined(stage: Stage, graph: Graph, join: AddStreams | GateStream) -> JoinStage:
    """``join`` and the stage's affine, if it has one."""
    if stage.nodes.affine is None:
        return JoinStage(join, None)
    layout = stage.output_layout
    offset = np.zeros(is_real(layout).shape, np.int64)
    lo, hi = _bounds_with_pads(graph.tensors[stage.nodes.node.name])
    affine = _affine(stage, graph, 1, offset, lo, hi)
    width = graph.tensors[stage.nodes.output].width
    behind = AffineStage(affine, layout.lanes, join.out_width, join.out_signed, width)
    return JoinStage(join, behind)


@component.register
def _(node: Concat, stage: Stage, graph: Graph) -> ConcatStreams:
    sources = _sources(stage, graph)
    return ConcatStreams(
        stage.output_layout.lanes,
        tuple(len(layout.beats) for layout in stage.input_layouts),
        tuple(Branch(s.width, s.signed, k) for s, k in zip(sources, node.shifts, strict=True)),
        graph.tensors[node.name].width,
    )


@component.register
def _(node: Argmax, stage: Stage, graph: Graph) -> ArgmaxUnit:
    (source,) = _sources(stage, graph)
    return ArgmaxUnit(stage.input_layouts[0], source.width, source.signed)
