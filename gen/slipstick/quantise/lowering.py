"""An integer graph under construction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import (
    FloatArgmax,
    FloatFlatten,
    FloatGraph,
    FloatMove,
    FloatNode,
    MaxPool,
)
from slipstick.graph import Node, Tensor
from slipstick.graph.infer import infer
from slipstick.quantise.affine import requantise
from slipstick.quantise.chain import Chain
from slipstick.quantise.observe import Observation

QUANTISED = ("activation_bits", "weight_bits", "bn_terms", "product_frac", "weights")
"""Options of a layer that are used here; those of its fold are others' concern."""


@dataclass
class Lowering:
    """The integer nodes made so far, and what is needed to make more.

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
    _used: set[tuple[str, str]] = field(default_factory=set)

    def add(self, node: Node) -> Tensor:
        """Appends ``node``; returns its tensor."""
        self.nodes.append(node)
        inputs = (self.tensors[name] for name in node.inputs)
        tensor = self.tensors[node.name] = infer(node, *inputs)
        return tensor

    def inputs(self, node: FloatNode) -> list[Tensor]:
        """The integer tensors that ``node`` reads."""
        return [self.made[name] for name in node.inputs]

    def option(self, key: str, *layers: str) -> Any:
        """What the first of ``layers`` that has an own choice says, else the whole network's."""
        self._used.update((layer, key) for layer in layers)
        for layer in layers:
            chosen = self.config.layer_option(layer, key)
            if chosen is not None:
                return chosen
        return getattr(self.config.quantise, key, None)

    def bits(self, chain: Chain) -> int:
        """Width of what ``chain`` gives: as its layers say, or that of the network's result."""
        own = any(self.config.layer_option(name, "activation_bits") for name in chain.names)
        bits = self.option("activation_bits", *chain.names)
        return self.config.quantise.output_bits if self.leaves(chain.end) and not own else bits

    def leaves(self, name: str) -> bool:
        """Whether nothing but the result is made of a node: its values move, but do not change."""
        if name == self.source.output:
            return True
        readers = self.source.consumers(name)
        return all(
            isinstance(reader, FloatFlatten | FloatMove | MaxPool | FloatArgmax)
            and self.leaves(reader.name)
            for reader in readers
        )

    def only_compared(self, name: str) -> bool:
        """Whether only the place of a node's largest value matters, on any scale."""
        result = self.source[self.source.output]
        return isinstance(result, FloatArgmax) and self.leaves(name)

    def finish(self, chain: Chain, tensor: Tensor, least_terms: int = 1) -> None:
        """Requantises ``tensor`` through ``chain``, whose float nodes all get the result."""
        terms = max(least_terms, self.option("bn_terms", *chain.names))
        affine = requantise(
            self._affine_name(chain.names[0]),
            tensor,
            chain,
            self.observed[chain.end],
            self.bits(chain),
            terms,
        )
        result = self.add(affine)
        self.made.update(dict.fromkeys(chain.names, result))

    def _affine_name(self, first: str) -> str:
        """A layer's affine is named after it; one that stands alone, by its own layer's name."""
        if first not in self.tensors:
            return first
        taken = {*self.source.names, *self.tensors}
        name, number = f"{first}.affine", 0
        while name in taken:
            number += 1
            name = f"{first}.affine_{number}"
        return name

    def check_options(self) -> None:
        """Raises `SlipstickError` if a layer was given an option that means nothing to it."""
        for layer, options in self.config.layer.items():
            for key in QUANTISED:
                if getattr(options, key) is None or (layer, key) in self._used:
                    continue
                meant = [each for each in QUANTISED if (layer, each) in self._used]
                raise SlipstickError(
                    f'Configuration [layer."{layer}"]',
                    f"'{key}' means nothing to a {type(self.source[layer]).__name__}",
                    f"it has {', '.join(meant) or 'no options'}; remove this one",
                )
