"""What the commands read of a build folder, checked: it may have been damaged or edited."""

from pathlib import Path

import numpy as np

from slipstick.build_folder import Manifest, StreamRecord, read_manifest
from slipstick.errors import SlipstickError
from slipstick.graph import Graph, Input, load
from slipstick.npz import read_npz

AGAIN = "compile the model again"


def read_build(folder: Path) -> tuple[Manifest, Graph]:
    """Manifest and graph of build ``folder``, known to speak of one network.

    Raises `SlipstickError` if a file is missing or damaged, or if they do not agree.
    """
    manifest, graph = read_manifest(folder), load(folder / "graph")
    cause = _clash(manifest, graph)
    if cause:
        raise SlipstickError(f"Manifest '{folder / 'manifest.json'}'", cause, AGAIN)
    return manifest, graph


def read_frames(folder: Path, graph: Graph) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (integers on the input's grid) and labels, if known, that build ``folder`` keeps.

    Raises `SlipstickError` if they are missing, damaged, or not what ``graph`` takes.
    """
    node, path = graph.input, folder / "frames.npz"
    assert isinstance(node, Input)
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise _damaged(path, f"cannot be read ({error})") from error
    images, labels = arrays.get("images", np.empty(0)), arrays.get("labels")
    fits = images.shape[1:] == node.shape and len(images) and images.dtype.kind in "iu"
    if not fits or images.min() < node.lo or images.max() > node.hi:
        raise _damaged(path, "does not hold the network's input")
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise _damaged(
            path,
            f"holds {len(images)} images, and as labels {labels.dtype} of shape {labels.shape}",
        )
    return images, labels


def _damaged(path: Path, cause: str) -> SlipstickError:
    return SlipstickError(f"File '{path}'", cause, AGAIN)


def _clash(manifest: Manifest, graph: Graph) -> str | None:
    """Where the two disagree, None if nowhere."""
    instances = [stage.instance for stage in manifest.stages]
    if not instances or [stream.instance for stream in manifest.streams] != instances:
        return "its streams are not those of its stages"
    if (manifest.input.tensor, manifest.output.tensor) != (graph.input.name, graph.output):
        return "its ports are not those of the graph"
    causes = [*_stage_clashes(manifest, graph), *_stream_clashes(manifest, graph)]
    return causes[0] if causes else None


def _stage_clashes(manifest: Manifest, graph: Graph) -> list[str]:
    """Stages that are not of nodes of ``graph``, or not behind what they read."""
    places = {node.name: place for place, node in enumerate(graph.nodes)}
    found = []
    for stage, stream in zip(manifest.stages, manifest.streams, strict=True):
        if not stage.nodes or not stage.nodes[-1] == stage.output == stream.tensor:
            found.append(f"stage '{stage.instance}' does not make the tensor of its stream")
        elif unknown := {*stage.nodes, *stage.inputs} - set(places):
            found.append(f"stage '{stage.instance}' names {sorted(unknown)[0]!r}, no node")
        elif any(places[name] >= places[stage.nodes[0]] for name in stage.inputs):
            found.append(f"stage '{stage.instance}' reads a tensor that is made after it")
    return found


def _stream_clashes(manifest: Manifest, graph: Graph) -> list[str]:
    """Streams whose geometry is not that of their tensor."""

    def fits(stream: StreamRecord) -> bool:
        tensor = graph.tensors.get(stream.tensor)
        return tensor is not None and (
            (stream.shape, stream.width, stream.signed, stream.frac)
            == (tensor.shape, tensor.width, tensor.signed, tensor.frac)
        )

    streams: tuple[StreamRecord, ...] = (manifest.input, *manifest.streams, manifest.output)
    return [f"stream '{s.tensor}' is not the graph's" for s in streams if not fits(s)]
