"""The estimate as a JSON object, for people and for the build folder."""

from dataclasses import asdict
from typing import Any

from slipstick.estimate.latency import latency
from slipstick.estimate.network import parts_of, resources, total
from slipstick.fold import Plan
from slipstick.graph import Graph


def describe_estimate(graph: Graph, plan: Plan, clock_mhz: float) -> dict[str, Any]:
    """Speed, latency and resources of the circuit, the whole and each instance."""
    parts = parts_of(graph, plan)
    estimates = {name: resources(part) for name, part in parts.items()}
    slowest = max(plan.stages, key=lambda stage: stage.cycles)
    return {
        "cycles_per_frame": plan.cycles,
        "frames_per_second": round(clock_mhz * 1e6 / plan.cycles, 1),
        "latency_cycles": latency(graph, plan, parts),
        "bottleneck": slowest.nodes.instance,
        **asdict(total(estimates)),
        "per_layer": [{"instance": name, **asdict(each)} for name, each in estimates.items()],
    }
