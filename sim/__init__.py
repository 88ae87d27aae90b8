"""Simulation of a build folder: every layer's stream against the golden model.

The names below are imported at their first use, so that looking for tools need not wait for
torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipstick.sim.result import LayerResult, Mismatch, SimulationResult
    from slipstick.sim.run import Simulator, simulate
    from slipstick.sim.tools import ToolStatus, check_tools

__all__ = [
    "LayerResult",
    "Mismatch",
    "SimulationResult",
    "Simulator",
    "ToolStatus",
    "check_tools",
    "simulate",
]

_HOMES = {
    "LayerResult": "slipstick.sim.result",
    "Mismatch": "slipstick.sim.result",
    "SimulationResult": "slipstick.sim.result",
    "Simulator": "slipstick.sim.run",
    "ToolStatus": "slipstick.sim.tools",
    "check_tools": "slipstick.sim.tools",
    "simulate": "slipstick.sim.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'slipstick.sim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
