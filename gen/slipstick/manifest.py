"""Writes down what was built, in the terms of the build folder."""

import hashlib
import importlib.metadata
from functools import singledispatch
from pathlib import Path

from slipstick.boards import Board
from slipstick.build_folder import (
    Accuracy,
    BoardRecord,
    Fold,
    Manifest,
    PortRecord,
    StageRecord,
    StageStream,
    StreamRecord,
)
from slipstick.config import Config
from slipstick.fold import Plan, Stage
from slipstick.graph import (
    Add,
    Affine,
    Argmax,
    Concat,
    Gate,
    Graph,
    L1Matmul,
    Move,
    Node,
    Pool,
    ShiftMatmul,
)

PACKAGES = ("amaranth", "numpy", "pyosys", "slipstick", "torch")
"""What the Verilog and the figures depend on."""


def describe(
    graph: Graph,
    plan: Plan,
    modules: dict[str, str],
    board: Board,
    config: Config,
    folder: Path,
    accuracy: Accuracy | None,
    saturations: dict[str, int],
) -> Manifest:
    """The manifest of the build in ``folder``.

    Parameters
    ----------
    modules : the Verilog module of each instance; that of ``""`` is the top.
    accuracy, saturations : on the calibration images.
    """
    return Manifest(
        slipstick=importlib.metadata.version("slipstick"),
        top=modules[""],
        board=BoardRecord(
            name=board.name,
            part=board.part,
            clock_mhz=board.clock_mhz,
            capacity=board.capacity.model_dump(),
        ),
        config=config.model_dump(mode="json", exclude_none=True),
        versions={package: importlib.metadata.version(package) for package in PACKAGES},
        hashes=_hashes(folder),
        accuracy=accuracy,
        saturations=saturations,
        cycles_per_frame=plan.cycles,
        input=_port(graph, plan, graph.input.name, "i"),
        output=_port(graph, plan, graph.output, "o"),
        streams=tuple(
            StageStream(
                **_stream(graph, plan, stage.nodes.output),
                instance=stage.nodes.instance,
                module=modules[stage.nodes.instance],
            )
            for stage in plan.stages
        ),
        stages=tuple(_stage(stage, modules) for stage in plan.stages),
    )


def _stream(graph: Graph, plan: Plan, tensor: str) -> dict[str, object]:
    known = graph.tensors[tensor]
    return StreamRecord(
        tensor=tensor,
        shape=known.shape,
        width=known.width,
        signed=known.signed,
        frac=known.frac,
        beats=plan.layouts[tensor].beats,
    ).model_dump()


def _port(graph: Graph, plan: Plan, tensor: str, prefix: str) -> PortRecord:
    names = {name: f"{prefix}_{name}" for name in ("data", "valid", "ready", "last")}
    return PortRecord(**_stream(graph, plan, tensor), **names)


def _stage(stage: Stage, modules: dict[str, str]) -> StageRecord:
    nodes, fold = stage.nodes, stage.fold
    return StageRecord(
        instance=nodes.instance,
        module=modules[nodes.instance],
        kind=kind_of(nodes.node),
        nodes=tuple(node.name for node in nodes.members),
        inputs=nodes.inputs,
        output=nodes.output,
        fold=Fold(P=fold.outputs, S=fold.inputs, Q=fold.taps, rom=fold.rom) if fold else None,
        lanes=fold.lanes if fold else 0,
        cycles=stage.cycles,
    )


@singledispatch
def kind_of(node: Node) -> str:
    """What people call a stage of ``node``."""
    raise TypeError(f"Node must be a kind that has a stage, not {type(node).__name__}")


@kind_of.register
def _(node: ShiftMatmul) -> str:
    return "shift" if len(node.exponent) == 1 else "shift-add"


@kind_of.register
def _(node: L1Matmul) -> str:
    return "l1"


@kind_of.register
def _(node: Pool) -> str:
    return f"{node.kind} pool"


@kind_of.register
def _(node: Move) -> str:
    return "move"


@kind_of.register
def _(node: Affine) -> str:
    return "affine"


@kind_of.register
def _(node: Add) -> str:
    return "add"


@kind_of.register
def _(node: Concat) -> str:
    return "concat"


@kind_of.register
def _(node: Gate) -> str:
    return "gate"


@kind_of.register
def _(node: Argmax) -> str:
    return "argmax"


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
