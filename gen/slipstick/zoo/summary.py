"""What the zoo knows, as plain JSON objects."""

from dataclasses import asdict
from typing import Any

from torch import nn

from slipstick.zoo.counts import Counts, count
from slipstick.zoo.energy import NAMED, PLATFORMS, energy
from slipstick.zoo.network import SYSTEMS, Network
from slipstick.zoo.registry import NETWORKS, build, find


def summarise_all() -> dict[str, Any]:
    """Every network with what was published; nothing is built."""
    return {
        "systems": dict(SYSTEMS),
        "networks": [_facts(network) for network in NETWORKS.values()],
    }


def summarise(name: str, classes: int | None = None) -> dict[str, Any]:
    """One network with its parameters, operations and energies, computed.

    ``classes`` is that of the published network if None. Raises `SlipstickError` as `build` does.
    """
    network = find(name)
    classes = network.classes if classes is None else classes
    module = build(name, classes=classes)
    counts = count(module, network.input_shape)
    return _facts(network) | {
        "classes": classes,
        "parameters": parameters(module),
        "operations": asdict(counts.total),
        "energy_picojoules": _energies(counts),
        "layers": [
            {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape)}
            | asdict(layer.work)
            for layer in counts.layers
        ],
    }


def parameters(module: nn.Module) -> int:
    """Trained values of ``module``."""
    return sum(parameter.numel() for parameter in module.parameters())


def _facts(network: Network) -> dict[str, Any]:
    published = network.published
    return {
        "name": network.name,
        "system": network.system,
        "input_shape": list(network.input_shape),
        "classes": network.classes,
        "options": {name: _plain(value) for name, value in network.options.items()},
        "remarks": network.remarks,
        "published": {
            "parameters": published.parameters,
            "multiply_adds": published.multiply_adds,
            "accuracy": dict(published.accuracy),
            "sources": list(published.sources),
        },
    }


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _energies(counts: Counts) -> dict[str, dict[str, float]]:
    """By platform and format, rounded to picojoules."""
    return {
        platform: {
            name: round(energy(counts.total, platform, formats)) for name, formats in NAMED.items()
        }
        for platform in PLATFORMS
    }
