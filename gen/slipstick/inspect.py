"""What is in a model, in a build folder, and in the results beside it, as plain JSON objects."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from slipstick.build_folder import Manifest, StageRecord
from slipstick.built import read_build
from slipstick.errors import SlipstickError
from slipstick.frontend import FloatGraph, import_program, load_program
from slipstick.frontend.nodes import (
    AdderLayer,
    BatchNorm,
    FloatMatmul,
    FloatNode,
    PlainMatmul,
    ShiftLayer,
)

LAYER_KINDS: dict[type[FloatNode], str] = {
    ShiftLayer: "shift",
    AdderLayer: "l1",
    PlainMatmul: "multiply",
}
"""What a matrix layer of a trained model computes with, before it is made of shifts and adds."""


def inspect_model(path: Path) -> dict[str, Any]:
    """The layers of the exported program at ``path``, without calibration or hardware.

    Raises `SlipstickError` if the file or what it holds is not supported.
    """
    graph = import_program(load_program(path))
    layers = [_model_layer(graph, node) for node in graph.nodes]
    return {
        "model": str(path),
        "input_shape": list(graph.input.shape),
        "output_shape": list(graph[graph.output].shape),
        "parameters": sum(layer["parameters"] for layer in layers),
        "operations": dict(sum((Counter(layer["operations"]) for layer in layers), Counter())),
        "layers": layers,
    }


def summarise_build(folder: Path) -> dict[str, Any]:
    """What was built in ``folder``: stages, widths, proven intervals, folds, accuracy."""
    manifest, graph = read_build(folder)
    tensors = graph.tensors
    accuracy = manifest.accuracy
    clock = manifest.board.clock_mhz
    return {
        "folder": str(folder),
        "top": manifest.top,
        "board": manifest.board.model_dump(mode="json"),
        "layers": [_stage(manifest, stage) for stage in manifest.stages],
        "widths": {name: tensor.width for name, tensor in tensors.items()},
        "intervals": {
            name: [int(tensor.lo.min()), int(tensor.hi.max())] for name, tensor in tensors.items()
        },
        "folds": {
            stage.instance: stage.fold.model_dump() for stage in manifest.stages if stage.fold
        },
        "images": accuracy.images if accuracy else 0,
        "float_accuracy": accuracy.floating if accuracy else None,
        "integer_accuracy": accuracy.integer if accuracy else None,
        "saturations": dict(manifest.saturations),
        "cycles_per_frame": manifest.cycles_per_frame,
        "frames_per_second": round(clock * 1e6 / manifest.cycles_per_frame, 1),
    }


def summarise_results(folder: Path) -> dict[str, Any]:
    """The build's summary beside what simulation and synthesis found; None where not run."""
    return {
        "build": summarise_build(folder),
        "simulation": _read_result(folder / "simulation.json"),
        "synthesis": _read_result(folder / "synthesis.json"),
    }


def _read_result(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        command = "simulate" if path.stem == "simulation" else "synth"
        raise SlipstickError(
            f"File '{path}'", f"is damaged ({error})", f"run slipstick {command} again"
        ) from error
    return found


def _stage(manifest: Manifest, stage: StageRecord) -> dict[str, Any]:
    stream = next(s for s in manifest.streams if s.instance == stage.instance)
    return {
        "name": stage.instance,
        "kind": stage.kind,
        "nodes": list(stage.nodes),
        "inputs": list(stage.inputs),
        "shape": list(stream.shape),
        "fold": stage.fold.model_dump() if stage.fold else None,
        "lanes": stage.lanes,
        "cycles": stage.cycles,
        "width": stream.width,
        "signed": stream.signed,
    }


def _model_layer(graph: FloatGraph, node: FloatNode) -> dict[str, Any]:
    kind = LAYER_KINDS.get(type(node), type(node).__name__.removeprefix("Float").lower())
    return {
        "name": node.name,
        "kind": kind,
        "inputs": list(node.inputs),
        "shape": list(node.shape),
        "parameters": _parameters(node),
        "operations": _operations(kind, node),
    }


def _parameters(node: FloatNode) -> int:
    if isinstance(node, FloatMatmul):
        return node.weight.numel() + (0 if node.bias is None else node.bias.numel())
    return 2 * node.scale.numel() if isinstance(node, BatchNorm) else 0


def _operations(kind: str, node: FloatNode) -> dict[str, int]:
    """Operations a frame, one a weight and output pixel; a weight of 0 costs nothing."""
    if not isinstance(node, FloatMatmul):
        return {}
    used = node.weight.numel() if kind == "l1" else int(node.weight.count_nonzero())
    return {kind: used * math.prod(node.shape[1:])}
