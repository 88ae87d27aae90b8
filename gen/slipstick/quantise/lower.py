"""Float graph to integer graph, node by node."""

import warnings
from dataclasses import replace
from functools import singledispatch

import numpy as np
import torch

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import (
    AdditiveLevels,
    AvgPool,
    BatchNorm,
    Clamp,
    CommonGrid,
    FixedPoint,
    FloatAdd,
    FloatArgmax,
    FloatConcat,
    FloatFlatten,
    FloatGate,
    FloatGraph,
    FloatInput,
    FloatMatmul,
    FloatMove,
    FloatNode,
    MaxPool,
)
from slipstick.graph import Add, Argmax, Concat, Flatten, Gate, Graph, Input, Move, Pool, Tensor
from slipstick.quantise.chain import Chain, extend, follow
from slipstick.quantise.lowering import Lowering
from slipstick.quantise.observe import observe
from slipstick.quantise.scales import best_frac, format_bounds, rounded
from slipstick.quantise.weights import integer_matmul

POOL_TERMS = 4
"""Digits of an average pool's reciprocal: all channels share them, so that they are wires."""


def quantise(graph: FloatGraph, images: torch.Tensor, config: Config) -> Graph:
    """The integer graph of ``graph``.

    Parameters
    ----------
    images : float ``(N, C, H, W)`` or ``(N, F)`` as the model takes them; they set the scales.
    config : widths, for all layers and for single ones.
    """
    state = Lowering(graph, observe(graph, images), config)
    for node in graph.nodes:
        if node.name not in state.made:
            lower(node, state)
    state.check_options()
    _warn_of_levels(graph)
    return Graph(tuple(state.nodes), state.made[graph.output].name)


def _warn_of_levels(graph: FloatGraph) -> None:
    levels = [node.name for node in graph.nodes if isinstance(node, AdditiveLevels)]
    if levels:
        warnings.warn(
            f"{len(levels)} activations were trained with the uneven steps of APoT, the first at "
            f"'{levels[0]}': the circuit keeps their bounds and has even steps, so that its "
            "accuracy may differ from the trained network's",
            stacklevel=3,
        )


@singledispatch
def lower(node: FloatNode, state: Lowering) -> None:
    """Adds the integer nodes of ``node`` and of what is fused behind it."""
    raise TypeError(f"Node must be a kind of the float graph, not {type(node).__name__}")


@lower.register
def _(node: FloatInput, state: Lowering) -> None:
    samples = state.observed[node.name].samples
    bits = state.option("activation_bits", node.name)
    signed = bool(samples.min() < 0)
    lo, hi = format_bounds(bits, signed)
    frac = best_frac(samples, bits, signed)
    state.made[node.name] = state.add(Input(node.name, (), node.shape, frac, lo, hi))


@lower.register
def _(node: FloatMatmul, state: Lowering) -> None:
    (source,) = state.inputs(node)
    integer = integer_matmul(node, source, lambda key: state.option(key, node.name))
    chain = follow(state.source, _biased(node))
    if len(chain.names) == 1 and state.only_compared(node.name):
        frac = source.frac + getattr(integer, "weight_frac", 0)
        bias = rounded(node.name, chain.offset.numpy() * 2.0**frac)
        state.made[node.name] = state.add(replace(integer, bias=integer.bias + bias))
    else:
        state.finish(chain, state.add(integer))


def _biased(node: FloatMatmul) -> Chain:
    """The layer's bias, which the affine adds: it may be finer than the sums."""
    chain = Chain.identity(node)
    return chain if node.bias is None else replace(chain, offset=node.bias.double())


@lower.register(BatchNorm)
@lower.register(Clamp)
@lower.register(AdditiveLevels)
def _(node: FloatNode, state: Lowering) -> None:
    (source,) = state.inputs(node)
    _finish_alone(node, source, state)


@lower.register
def _(node: FixedPoint, state: Lowering) -> None:
    (source,) = state.inputs(node)
    low, high = (int(end) * 2.0**-source.frac for end in (source.lo.min(), source.hi.max()))
    if source.frac <= node.fraction_bits and node.lo <= low and high <= node.hi:
        # The integers lie on this grid and within its bounds already.
        state.made[node.name] = source
    else:
        _finish_alone(node, source, state)


@lower.register
def _(node: CommonGrid, state: Lowering) -> None:
    (source,) = state.inputs(node)
    if source.frac == node.fraction_bits:
        state.made[node.name] = source
    else:
        _finish_alone(node, source, state)


def _finish_alone(node: FloatNode, source: Tensor, state: Lowering) -> None:
    """Requantises ``source`` through ``node`` and what fits behind it."""
    chain = extend(node, replace(Chain.identity(node), names=()))
    if chain is None:
        raise SlipstickError(
            f"Layer '{node.name}'", "has bounds that exclude each other", "check its parameters"
        )
    state.finish(follow(state.source, chain), source)


@lower.register
def _(node: MaxPool, state: Lowering) -> None:
    (source,) = state.inputs(node)
    pooled = state.add(Pool(node.name, (source.name,), "max", node.window))
    chain = follow(state.source, Chain.identity(node))
    if len(chain.names) == 1:
        state.made[node.name] = pooled
    else:
        state.finish(chain, pooled)


@lower.register
def _(node: AvgPool, state: Lowering) -> None:
    (source,) = state.inputs(node)
    total = state.add(Pool(node.name, (source.name,), "sum", node.window))
    chain = Chain.identity(node)
    mean = state.observed[node.name].mean * node.divisor
    chain = follow(state.source, replace(chain, scale=chain.scale / node.divisor, mean=mean))
    if len(chain.names) == 1 and state.only_compared(node.name):
        state.made[node.name] = total
    else:
        state.finish(chain, total, least_terms=POOL_TERMS)


def _aligned(sources: list[Tensor]) -> tuple[int, ...]:
    """Left shifts to the finest grid of ``sources``."""
    finest = max(source.frac for source in sources)
    return tuple(finest - source.frac for source in sources)


@lower.register
def _(node: FloatAdd, state: Lowering) -> None:
    a, b = state.inputs(node)
    shift_a, shift_b = _aligned([a, b])
    total = state.add(Add(node.name, (a.name, b.name), (shift_a, shift_b)))
    state.finish(follow(state.source, Chain.identity(node)), total)


@lower.register
def _(node: FloatConcat, state: Lowering) -> None:
    sources = state.inputs(node)
    names = tuple(source.name for source in sources)
    joined = state.add(Concat(node.name, names, _aligned(sources)))
    chain = follow(state.source, Chain.identity(node))
    if len(chain.names) == 1 and joined.width <= state.bits(chain):
        state.made[node.name] = joined
    else:
        state.finish(chain, joined)


@lower.register
def _(node: FloatGate, state: Lowering) -> None:
    x, z = state.inputs(node)
    # An integer is below a limit if it is below the next integer; beyond the ends of the logits'
    # interval all thresholds mean the same.
    limits = np.ceil(np.array(node.limits) * 2.0**z.frac)
    thresholds = np.clip(limits, z.lo.min(), z.hi.max() + 1).astype(np.int64)
    gated = state.add(Gate(node.name, (x.name, z.name), thresholds))
    state.finish(follow(state.source, Chain.identity(node)), gated)


@lower.register
def _(node: FloatMove, state: Lowering) -> None:
    (source,) = state.inputs(node)
    channel, dy, dx = (np.array(table, np.int64) for table in (node.channel, node.dy, node.dx))
    move = Move(node.name, (source.name,), channel, dy, dx, node.boundary)
    state.made[node.name] = state.add(move)


@lower.register
def _(node: FloatFlatten, state: Lowering) -> None:
    (source,) = state.inputs(node)
    state.made[node.name] = state.add(Flatten(node.name, (source.name,)))


@lower.register
def _(node: FloatArgmax, state: Lowering) -> None:
    (source,) = state.inputs(node)
    state.made[node.name] = state.add(Argmax(node.name, (source.name,)))
