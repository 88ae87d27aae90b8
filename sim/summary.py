"""One result from what the benches saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slipstick.build_folder import Manifest, StageStream, StreamRecord
from slipstick.calibration import UNKNOWN
from slipstick.graph import Argmax, Graph
from slipstick.sim.frames import Frames
from slipstick.sim.observed import Observed, locate
from slipstick.sim.result import LayerResult, Mismatch, SimulationResult
from slipstick.sim.share import Share
from slipstick.sim.wrapper import probed_streams


@dataclass(frozen=True)
class Runs:
    """All that was simulated.

    Attributes
    ----------
    shares : they cover every frame once.
    dense : frames back to back, from which cycles are measured; None if there were none.
    seconds : wall clock, compilation left out.
    simulator : that ran.
    """

    shares: Sequence[Share]
    dense: Share | None
    seconds: float
    simulator: str

    @property
    def all(self) -> list[Share]:
        """Every share, each once."""
        extra = [] if self.dense is None or self.dense in self.shares else [self.dense]
        return [*extra, *self.shares]


def summarise(manifest: Manifest, graph: Graph, frames: Frames, runs: Runs) -> SimulationResult:
    """The result of ``runs`` over ``frames``."""
    streams = probed_streams(manifest)
    layers = [_layer(manifest, number, stream, runs) for number, stream in enumerate(streams)]
    violations = tuple(dict.fromkeys(_violations(manifest, runs.all)))
    outputs = [share.outputs for share in runs.shares if share.outputs is not None]
    interval = runs.dense.interval(-1) if runs.dense else None
    return SimulationResult(
        frames=len(frames),
        layers_compared=len(manifest.streams),
        mismatches=sum(layer.mismatches for layer in layers) + len(violations),
        violations=violations,
        cycles_per_frame=interval,
        ideal_cycles_per_frame=manifest.cycles_per_frame,
        frames_per_second=manifest.board.clock_mhz * 1e6 / interval if interval else None,
        latency_cycles=runs.dense.observed.latency if runs.dense else None,
        accuracy=accuracy_of(graph, frames, outputs),
        integer_accuracy=accuracy_of(graph, frames, [share.golden for share in runs.shares]),
        simulated_frames_per_wall_second=sum(s.frames for s in runs.all) / runs.seconds,
        simulated_cycles_per_wall_second=sum(s.observed.cycles for s in runs.all) / runs.seconds,
        seconds=runs.seconds,
        simulator=runs.simulator,
        per_layer=tuple(layers[:-1]),
        output=layers[-1],
    )


def _layer(manifest: Manifest, number: int, stream: StreamRecord, runs: Runs) -> LayerResult:
    seen = [share.observed.probes[number] for share in runs.all]
    inside = isinstance(stream, StageStream)
    instance = stream.instance if isinstance(stream, StageStream) else manifest.top
    return LayerResult(
        tensor=stream.tensor,
        instance=instance,
        mismatches=sum(probe.mismatches + probe.surplus for probe in seen),
        first_mismatch=_first_mismatch(number, stream, runs.all),
        cycles_per_frame=runs.dense.interval(number) if runs.dense else None,
        ideal_cycles_per_frame=(
            manifest.stage(instance).cycles if inside else manifest.cycles_per_frame
        ),
    )


def _first_mismatch(number: int, stream: StreamRecord, shares: list[Share]) -> Mismatch | None:
    for share in shares:
        difference = share.observed.probes[number].difference
        if difference is not None:
            return locate(stream, difference, share.first_frame)
    return None


def _violations(manifest: Manifest, shares: list[Share]) -> list[str]:
    found = []
    for share in shares:
        seen = share.observed
        found += _flags(seen)
        for stream, probe in zip(probed_streams(manifest), seen.probes, strict=True):
            if probe.broken:
                found.append(f"stream '{stream.tensor}' changed a beat before it was taken")
    return found


def _flags(seen: Observed) -> list[str]:
    found = []
    if seen.wrong_lasts:
        found.append("the output's last does not mark the last beats of frames")
    for name, flag in (("error_short", seen.error_short), ("error_long", seen.error_long)):
        if flag:
            found.append(f"{name} is set though every frame had the right size")
    return found


def accuracy_of(graph: Graph, frames: Frames, outputs: list[np.ndarray]) -> float | None:
    """Share of the frames with a known label whose class is right."""
    if frames.labels is None or not outputs:
        return None
    values = np.concatenate(outputs).reshape(len(frames), outputs[0].shape[1], -1)
    if values.shape[2] != 1:
        return None
    # numpy's argmax, like the hardware's, takes the lowest index among equals.
    is_index = isinstance(graph[graph.output], Argmax)
    classes = values[:, 0, 0] if is_index else values[:, :, 0].argmax(axis=1)
    known = frames.labels != UNKNOWN
    return float((classes == frames.labels)[known].mean())
