"""Float graph to integer graph, node by node."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

import torch

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import (
    AvgPool,
    BatchNorm,
    Clamp,
    FixedPoint,
    FloatAdd,
    FloatArgmax,
    FloatConcat,
    FloatFlatten,
    FloatGraph,
    FloatInput,
    FloatMatmul,
    FloatNode,
    MaxPool,
)
from slipstick.graph import Add, Argmax, Concat, Flatten, Graph, Input, Node, Pool, Tensor
from slipstick.graph.infer import infer
from slipstick.quantise.affine import requantise
from slipstick.quantise.chain import Chain, extend, follow
from slipstick.quantise.observe import Observation, observe
from slipstick.quantise.scales import best_frac, format_bounds
from slipstick.quantise.weights import integer_matmul

POOL_TERMS = 4
"""Digits of an average pool's reciprocal: wires, since all channels share them."""


@dataclass
class Lowering:
    """An integer graph under construction.

    Attributes
    ----------
    made : integer tensor of each float node that has one.
    """

    source: FloatGraph
    observed: Mapping[str, Observation]
    config: Config
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    made: dict[str, Tensor] = field(default_factory=dict)

    def add(self, node: Node) -> Tensor:
        """Appends ``node``; returns its tensor."""
        self.nodes.append(node)
        inputs = (self.tensors[name] for name in node.inputs)
        tensor = self.tensors[node.name] = infer(node, *inputs)
        return tensor

    def inputs(self, node: FloatNode) -> list[Tensor]:
        """The integer tensors that ``node`` reads."""
        return [self.made[name] for name in node.inputs]

    def bits(self, chain: Chain) -> int:
        """Width of what ``chain`` gives: as its layer says, or that of the network's result."""
        for name in chain.names:
            chosen = self.config.layer_option(name, "activation_bits")
            if chosen is not None:
                return chosen
        readers = self.source.consumers(chain.end)
        last = chain.end == self.source.output or (
            bool(readers) and all(isinstance(reader, FloatArgmax) for reader in readers)
        )
        quantise = self.config.quantise
        return quantise.output_bits if last else quantise.activation_bits

    def finish(self, chain: Chain, tensor: Tensor, terms: int | None = None) -> None:
        """Requantises ``tensor`` through ``chain``, whose float nodes all get the result."""
        first = chain.names[0]
        name = first if first not in self.tensors else self._unused(f"{first}.affine")
        samples = self.observed[chain.end].samples
        wanted = terms or self.config.option(first, "bn_terms")
        result = self.add(
            requantise(name, tensor, chain, samples, self.bits(chain), wanted)
        )
        for each in chain.names:
            self.made[each] = result

    def _unused(self, name: str) -> str:
        taken = {node.name for node in self.source.nodes} | set(self.tensors)
        while name in taken:
            name += "_"
        return name

    def chain(self, node: FloatNode) -> Chain:
        """What follows ``node``, starting from its own value."""
        return follow(self.source, Chain.identity(node.shape[0], node.name))


def lower(source: FloatGraph, images: torch.Tensor, config: Config) -> Graph:
    """The integer graph of ``source``, its scales set by ``images`` ``(N, C, H, W)``."""
    state = Lowering(source, observe(source, images), config)
    for node in source.nodes:
        if node.name not in state.made:
            lower_node(node, state)
    return Graph(tuple(state.nodes), state.made[source.output].name)


@singledispatch
def lower_node(node: FloatNode, state: Lowering) -> None:
    """Adds the integer nodes of ``node`` and of what is fused behind it."""
    raise TypeError(f"Node must be a kind of the float graph, not {type(node).__name__}")


@lower_node.register
def _(node: FloatInput, state: Lowering) -> None:
    samples = state.observed[node.name].samples
    bits = state.config.option(node.name, "activation_bits")
    signed = bool(samples.min() < 0)
    lo, hi = format_bounds(bits, signed)
    frac = best_frac(samples, bits, signed)
    state.made[node.name] = state.add(Input(node.name, (), node.shape, frac, lo, hi))


@lower_node.register
def _(node: FloatMatmul, state: Lowering) -> None:
    (source,) = state.inputs(node)
    integer = integer_matmul(node, source, state.config)
    total = state.add(integer)
    chain = Chain.identity(node.shape[0], node.name)
    if node.bias is not None:
        chain = replace(chain, offset=node.bias.detach().double())
    chain = follow(state.source, chain)
    if _only_compared(node, chain, state):
        state.made[node.name] = total
        return
    state.finish(chain, total)


def _only_compared(node: FloatMatmul, chain: Chain, state: Lowering) -> bool:
    """Whether only an argmax reads the plain sums, which then need no rounding."""
    readers = state.source.consumers(node.name)
    plain = chain.names == (node.name,) and node.bias is None and node.name != state.source.output
    return plain and bool(readers) and all(isinstance(r, FloatArgmax) for r in readers)


@lower_node.register(BatchNorm)
@lower_node.register(Clamp)
@lower_node.register(FixedPoint)
def _(node: FloatNode, state: Lowering) -> None:
    (source,) = state.inputs(node)
    first = extend(node, Chain.identity(node.shape[0], node.name))
    if first is None:
        raise SlipstickError(
            f"Layer '{node.name}'", "has bounds that exclude each other", "check its parameters"
        )
    state.finish(follow(state.source, first), source)


@lower_node.register
def _(node: MaxPool, state: Lowering) -> None:
    (source,) = state.inputs(node)
    pooled = state.add(Pool(node.name, (source.name,), "max", node.window))
    chain = state.chain(node)
    if len(chain.names) == 1:
        state.made[node.name] = pooled
    else:
        state.finish(chain, pooled)


@lower_node.register
def _(node: AvgPool, state: Lowering) -> None:
    (source,) = state.inputs(node)
    total = state.add(Pool(node.name, (source.name,), "sum", node.window))
    chain = Chain.identity(node.shape[0], node.name)
    mean = state.observed[node.name].mean * node.divisor
    chain = replace(chain, scale=chain.scale / node.divisor, mean=mean)
    terms = max(POOL_TERMS, state.config.option(node.name, "bn_terms"))
    state.finish(follow(state.source, chain), total, terms)


def _aligned(sources: list[Tensor]) -> tuple[int, ...]:
    """Left shifts to the finest grid of ``sources``."""
    finest = max(source.frac for source in sources)
    return tuple(finest - source.frac for source in sources)


@lower_node.register
def _(node: FloatAdd, state: Lowering) -> None:
    a, b = state.inputs(node)
    shift_a, shift_b = _aligned([a, b])
    total = state.add(Add(node.name, (a.name, b.name), (shift_a, shift_b)))
    state.finish(state.chain(node), total)


@lower_node.register
def _(node: FloatConcat, state: Lowering) -> None:
    sources = state.inputs(node)
    names = tuple(source.name for source in sources)
    joined = state.add(Concat(node.name, names, _aligned(sources)))
    chain = state.chain(node)
    if len(chain.names) == 1 and joined.width <= state.bits(chain):
        state.made[node.name] = joined
    else:
        state.finish(chain, joined)


@lower_node.register
def _(node: FloatFlatten, state: Lowering) -> None:
    (source,) = state.inputs(node)
    state.made[node.name] = state.add(Flatten(node.name, (source.name,)))


@lower_node.register
def _(node: FloatArgmax, state: Lowering) -> None:
    (source,) = state.inputs(node)
    state.made[node.name] = state.add(Argmax(node.name, (source.name,)))


def quantise_input(graph: Graph, images: torch.Tensor) -> torch.Tensor:
    """Float images as integers of the graph's input: rounded half up, saturated; int64."""
    node = graph.input
    assert isinstance(node, Input)
    scaled = torch.floor(images.double() * 2.0**node.frac + 0.5)
    return scaled.clamp(node.lo, node.hi).to(torch.int64)


