"""Synthesises a build folder instance by instance and adds up what each one takes."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipstick.build_folder import Manifest, read_manifest
from slipstick.files import write_whole
from slipstick.synth.hierarchy import Hierarchy, Instance
from slipstick.synth.processes import Task, run_tasks
from slipstick.synth.result import Resources, Row, SynthesisResult

Progress = Callable[[int, int, str], None]
"""Told after each module: modules done, modules in all, the module's name."""

RESULT_FILE = "synthesis.json"
PLUMBING = "stream plumbing"
GLUE = "glue"
CORES = os.cpu_count() or 1


def synthesise(
    folder: Path, *, jobs: int = CORES, progress: Progress | None = None
) -> SynthesisResult:
    """Synthesises the Verilog of build ``folder`` for 7-series and writes ``synthesis.json``.

    Each direct child of the top is mapped alone, flattened inside, and the top's own logic with
    the children as black boxes. Nothing is optimised across these borders, so the sum is an
    upper bound of what one flat run finds. Equal modules are mapped once.

    Raises `SlipstickError` if the folder is damaged or Yosys fails. Multipliers are counted,
    not refused: see `slipstick.synth.gate.require_no_multipliers`.
    """
    if jobs < 1:
        raise ValueError(f"Jobs must be a positive integer, not {jobs!r}")
    start = time.monotonic()
    manifest = read_manifest(folder)
    hierarchy = Hierarchy.read(folder / "rtl")
    for module in (manifest.top, *(stage.module for stage in manifest.stages)):
        hierarchy.require(module)
    found = _results(hierarchy, manifest.top, jobs, progress or (lambda *_: None))
    result = SynthesisResult(
        top=manifest.top,
        per_layer=_rows(hierarchy, manifest, found),
        capacity=dict(manifest.board.capacity),
        versions={
            "slipstick": version("slipstick"),
            "pyosys": version("pyosys"),
            "yosys": _short_version(found[hierarchy.fingerprint(manifest.top)]["yosys"]),
        },
        seconds=time.monotonic() - start,
    )
    write_whole(folder / RESULT_FILE, json.dumps(result.to_json(), indent=1) + "\n")
    return result


def _results(
    hierarchy: Hierarchy, top: str, jobs: int, progress: Progress
) -> dict[str, dict[str, Any]]:
    """What the worker found, by fingerprint of the module."""
    children = dict.fromkeys(child.module for child in hierarchy.children[top])
    unique = {hierarchy.fingerprint(module): Task(module) for module in children}
    # Big modules first, so that no core waits alone for the last one.
    tasks = sorted(unique.values(), key=lambda task: -len(hierarchy.verilog(task.module)))
    tasks.append(Task(top, tuple(children)))
    found = {}
    # Closed at once on an interrupt, which ends the workers that still run.
    with closing(run_tasks(hierarchy, tasks, jobs)) as results:
        for task, result in results:
            found[hierarchy.fingerprint(task.module)] = result
            progress(len(found), len(tasks), task.module)
    return found


def _rows(
    hierarchy: Hierarchy, manifest: Manifest, found: Mapping[str, Mapping[str, Any]]
) -> tuple[Row, ...]:
    kinds = {stage.instance: stage.kind for stage in manifest.stages}

    def row(instance: Instance, kind: str) -> Row:
        result = found[hierarchy.fingerprint(instance.module)]
        resources = Resources(**result["resources"])
        return Row(instance.name, instance.module, kind, resources, result["path_ps"])

    children = hierarchy.children[manifest.top]
    return (
        *(row(child, kinds.get(child.name, PLUMBING)) for child in children),
        row(Instance(manifest.top, manifest.top), GLUE),
    )


def _short_version(creator: str) -> str:
    """Release and commit from the netlist's ``creator``, which goes on to name compiler paths."""
    match = re.match(r"Yosys (\S+)(?: \(git sha1 (\w+))?", creator)
    return "+".join(filter(None, match.groups())) if match else creator
