"""The estimate of a whole circuit, instance by instance, as `slipstick.synth` counts it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth.lib import wiring

from slipstick.elaborate import Network
from slipstick.estimate.coefficients import weigh
from slipstick.estimate.registry import counted
from slipstick.fold import Plan
from slipstick.graph import Graph


@dataclass(frozen=True)
class Resources:
    """What a part of the circuit is estimated to take.

    Attributes
    ----------
    lut : LUTs of logic.
    ff : flip-flops.
    lutram : LUT sites used as RAM or shift register, not contained in ``lut``.
    bram36 : block RAMs of 36 Kbit; one of 18 Kbit counts as half.
    """

    lut: int = 0
    ff: int = 0
    lutram: int = 0
    bram36: float = 0.0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.lutram + other.lutram,
            self.bram36 + other.bram36,
        )

    @property
    def all_luts(self) -> int:
        """LUTs of any use: what a budget of LUTs is about."""
        return self.lut + self.lutram


def resources(part: wiring.Component) -> Resources:
    """What ``part`` is estimated to take."""
    found = counted(part)
    _needs_no_hardware(part)
    return Resources(weigh(found.features), found.ff, found.lutram, found.bram18 / 2)


def _needs_no_hardware(part: Any) -> None:
    """Keeps Amaranth from warning of ``part`` and what it holds: it may never be elaborated."""
    part._MustUse__used = True
    for inner in vars(part).values():
        if isinstance(inner, wiring.Component):
            _needs_no_hardware(inner)


def estimate(graph: Graph, plan: Plan) -> Mapping[str, Resources]:
    """What each instance of the circuit is estimated to take, in the order of the circuit."""
    return {name: resources(part) for name, part in parts_of(graph, plan).items()}


def parts_of(graph: Graph, plan: Plan) -> Mapping[str, wiring.Component]:
    """The components that stand in the circuit itself, by instance."""
    # Amaranth has no public list of a module's submodules; a fragment would elaborate them all.
    network = Network(graph, plan)
    _needs_no_hardware(network)
    module = network.elaborate(None)
    _needs_no_hardware(module)
    return {name: part for name, (part, _) in module._named_submodules.items()}


def total(estimates: Mapping[str, Resources]) -> Resources:
    """The sum over all instances."""
    return sum(estimates.values(), Resources())
