"""Saves an integer graph as ``graph.json`` + ``arrays.npz`` and loads it back equal."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slipstick.errors import SlipstickError
from slipstick.graph import nodes as kinds
from slipstick.graph.execute import run
from slipstick.graph.graph import Graph
from slipstick.graph.window import Window
from slipstick.npz import read_npz

FORMAT = 1
KINDS: dict[str, type[kinds.Node]] = {
    kind.__name__: kind
    for kind in (
        kinds.Input,
        kinds.ShiftMatmul,
        kinds.L1Matmul,
        kinds.Affine,
        kinds.Add,
        kinds.Concat,
        kinds.Pool,
        kinds.Move,
        kinds.Gate,
        kinds.Flatten,
        kinds.Argmax,
    )
}


def save(graph: Graph, folder: Path) -> None:
    """Writes ``graph`` into ``folder``, which is made if missing. Same graph, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    records = []
    for number, node in enumerate(graph.nodes):
        record: dict[str, Any] = {"node": type(node).__name__}
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{number}.{field.name}"] = value
            elif isinstance(value, Window):
                record[field.name] = dataclasses.asdict(value)
            else:
                record[field.name] = value
        records.append(record)
    document = {"format": FORMAT, "output": graph.output, "nodes": records}
    (folder / "graph.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(folder / "arrays.npz", **arrays)


def load(folder: Path) -> Graph:
    """The graph that `save` wrote into ``folder``.

    Raises `SlipstickError` if the files are missing, damaged, or of another format.
    """
    try:
        document = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}, this version reads {FORMAT}")
        arrays = read_npz(folder / "arrays.npz")
        loaded = tuple(
            _node(number, record, arrays) for number, record in enumerate(document["nodes"])
        )
        graph = Graph(loaded, document["output"])
        # Whether all arrays fit their nodes shows when the nodes are executed.
        shape = graph.tensors[graph.input.name].shape
        run(graph, torch.zeros((1, *shape), dtype=torch.int64))
        return graph
    except SlipstickError:
        raise
    except Exception as error:
        # An edited file can hold anything where the nodes expect integers.
        raise SlipstickError(
            f"Graph '{folder}'", f"cannot be read ({error})", "compile the model again"
        ) from error


def _node(number: int, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> kinds.Node:
    kind = KINDS[record["node"]]
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        key = f"{number}.{field.name}"
        if key in arrays:
            values[field.name] = arrays[key]
        elif field.name == "window":
            values[field.name] = Window(**{k: tuple(v) for k, v in record["window"].items()})
        else:
            value = record[field.name]
            if isinstance(value, float):
                raise ValueError(f"'{field.name}' is {value}, no integer")
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
