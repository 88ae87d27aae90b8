"""What is left of a run: the exported network, and a file of facts beside it."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from slipstick.nn import SparseShift, plain_norms
from training.runner import Run


def publish(run: Run, name: str, folder: Path) -> None:
    """Writes ``NAME.pt2`` and ``NAME.json`` of a run that is done."""
    model = plain_norms(run.model).cpu()
    export(model, run.data.images[:2].cpu().clone(), folder / f"{name}.pt2")
    text = json.dumps(facts(run, name), indent=1) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def export(model: torch.nn.Module, sample: torch.Tensor, path: Path) -> None:
    """``model`` for any number of images; without stack traces, which name this machine's files."""
    batch = torch.export.Dim("batch")
    program = torch.export.export(model.eval(), (sample,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    partial = path.with_suffix(".partial.pt2")
    torch.export.save(program, partial)
    os.replace(partial, path)


def facts(run: Run, name: str) -> dict[str, Any]:
    """How the network came about and how often it is right."""
    found: dict[str, Any] = {
        "network": name,
        "data": "Fashion-MNIST, pixel / 256",
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "epochs": sum(result.epochs for result in run.results),
        "seed": run.seed,
        "test_accuracy": run.results[-1].after,
    }
    sparse = [layer for layer in run.model.modules() if isinstance(layer, SparseShift)]
    if sparse:
        moved = sum((1 - layer.sparsity()) * layer.channels for layer in sparse)
        found["channels_moved"] = round(moved)
        found["channels"] = sum(layer.channels for layer in sparse)
    if run.masks:
        masks = run.masks.values()
        found["pruned"] = round(sum(float((mask == 0).sum()) for mask in masks))
    if run.recipe.start:
        found["start"] = run.recipe.start
    if run.recipe.start or len(run.results) > 1:
        found["phases"] = [vars(result) for result in run.results]
    return found
