"""From a trained network to a build folder, and what can be done with one."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._pytree import tree_leaves

from slipstick.boards import Board
from slipstick.boards import board as find_board
from slipstick.build_folder import Accuracy, Manifest, read_manifest, write_manifest
from slipstick.calibration import Frames, load_frames, stand_in_frames
from slipstick.config import Config, check_layers, load_config, spendable, with_goal
from slipstick.elaborate import Network
from slipstick.emit import require_ports, to_rtlil, to_verilog
from slipstick.errors import SlipstickError
from slipstick.estimate import Goal, best_folds, describe_estimate
from slipstick.files import fresh_folder, made_whole, write_whole
from slipstick.fold import FoldChoices, NameTable, PinnedFold, Plan, plan, plan_with
from slipstick.frontend import FloatArgmax, FloatGraph, export_module, import_program, load_program
from slipstick.graph import Graph, save
from slipstick.manifest import describe
from slipstick.quantise import (
    float_accuracy,
    integer_accuracy,
    quantise,
    quantise_input,
    saturations,
)
from slipstick.synth.gate import count_multipliers

if TYPE_CHECKING:
    from slipstick.sim import SimulationResult
    from slipstick.synth import SynthesisResult

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work done so far."""
Announce = Callable[[dict[str, Any]], None]
"""Called once with the estimate, the object that `ESTIMATE_FILE` holds."""
Model = Path | str | torch.nn.Module | torch.export.ExportedProgram

STREAM_PORTS = ("o__payload", "o__valid", "o__ready")
"""Ports of every stage that test benches look at."""
ESTIMATE_FILE = "estimate.json"
KEPT_FRAMES = 256
"""Frames that a build folder keeps, for simulations without images of their own."""


@dataclass(frozen=True)
class Build:
    """A build folder.

    Attributes
    ----------
    folder : where it is; see ``docs/architecture.md`` for what it holds.
    """

    folder: Path

    @property
    def manifest(self) -> Manifest:
        """What was built."""
        return read_manifest(self.folder)

    def simulate(self, **options: Any) -> "SimulationResult":
        """As `slipstick.sim.simulate`."""
        from slipstick.sim import simulate

        return simulate(self.folder, **options)

    def synth(self, **options: Any) -> "SynthesisResult":
        """As `slipstick.synth.synthesise`."""
        from slipstick.synth import synthesise

        return synthesise(self.folder, **options)

    def report(self) -> Path:
        """Writes the HTML page and returns its path."""
        from slipstick.report import report

        return report(self.folder)


def compile(
    model: Model,
    example_input: torch.Tensor | None = None,
    *,
    output: Path | str,
    board: str | Board = "zc706",
    config: Path | str | Config | None = None,
    calibrate: Path | str | None = None,
    evaluate: Path | str | None = None,
    name: str | None = None,
    target_fps: float | None = None,
    lut_budget: int | str | None = None,
    bram_budget: int | str | None = None,
    latency: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Build:
    """Compiles a trained network into the folder ``output``.

    Parameters
    ----------
    model : a ``.pt2`` file, an exported program, or a module; a module needs ``example_input``.
    example_input : float ``(N, C, H, W)`` or ``(N, F)``, as the module takes it.
    output : the folder to make; it must not exist, or be empty.
    board : name of a board, or the path of its TOML file.
    config : TOML file with widths and folds, see ``docs/configuration.md``.
    calibrate : ``.npz`` with float ``images`` and optional ``labels``; without it the scales
        come from the sample input and random images, with a warning.
    evaluate : ``.npz`` with other ``images`` and ``labels`` to measure accuracy on, and to
        keep for simulations; by default those of ``calibrate``.
    name : of the top module; by default that of the file or class.
    target_fps : frames a second that the folds must reach, with as few LUTs as they can.
    lut_budget, bram_budget : what the folds may take, as numbers or as ``"70%"`` of the board's.
    latency : the folds are to give the result as soon as can be.
    progress : is told what is being done.
    announce : is told what is estimated, before anything is built.

    Raises `SlipstickError` for whatever the user can mend; then nothing is left behind.
    """
    report = progress or (lambda text, share: None)
    folder = fresh_folder(Path(output))
    target = board if isinstance(board, Board) else find_board(board)
    settings = (
        config if isinstance(config, Config) else load_config(Path(config) if config else None)
    )
    settings = with_goal(
        settings,
        target_fps=target_fps,
        lut_budget=lut_budget,
        bram_budget=bram_budget,
        latency=latency or None,
    )
    report("Reading the model", 0.0)
    program = _program(model, example_input)
    source = import_program(program)
    check_layers(settings, source.names)
    frames = _frames(source, program, example_input, calibrate)
    shown = _user_frames(source, evaluate) if evaluate else frames
    report("Calibrating and quantising", 0.1)
    graph = quantise(source, frames.images, settings)
    integers = quantise_input(graph, shown.images)
    report("Folding", 0.4)
    decided, proven = _plan(graph, settings, target)
    _check_folds(settings, decided)
    estimates = describe_estimate(graph, decided, target.clock_mhz) | proven
    if announce:
        announce(estimates)
    top = NameTable().legal(name or _default_name(model))
    with made_whole(folder) as work:
        modules = _emit(graph, decided, top, work, report)
        report("Measuring accuracy", 0.85)
        accuracy = _accuracy(source, graph, shown, integers)
        if accuracy and evaluate:
            accuracy = accuracy.model_copy(update={"source": "evaluation"})
        _write_frames(integers, shown, work)
        save(graph, work / "graph")
        write_whole(work / ESTIMATE_FILE, json.dumps(estimates, indent=1) + "\n")
        cut = saturations(graph, quantise_input(graph, frames.images))
        write_manifest(
            work, describe(graph, decided, modules, target, settings, work, accuracy, cut)
        )
    report("Done", 1.0)
    return Build(folder)


@singledispatch
def _program(model: object, example_input: torch.Tensor | None) -> torch.export.ExportedProgram:
    raise TypeError(
        f"Model must be a path, a module or an exported program, not {type(model).__name__}"
    )


@_program.register
def _(model: str, example_input: torch.Tensor | None) -> torch.export.ExportedProgram:
    return load_program(Path(model))


@_program.register
def _(model: Path, example_input: torch.Tensor | None) -> torch.export.ExportedProgram:
    return load_program(model)


@_program.register
def _(
    model: torch.export.ExportedProgram, example_input: torch.Tensor | None
) -> torch.export.ExportedProgram:
    return model


@_program.register
def _(model: torch.nn.Module, example_input: torch.Tensor | None) -> torch.export.ExportedProgram:
    if example_input is None:
        raise SlipstickError(
            f"Model '{type(model).__name__}'",
            "is a module and was given without an example input",
            "pass example_input, a tensor as the module takes it",
        )
    return export_module(model, example_input)


def _default_name(model: Model) -> str:
    if isinstance(model, (str, Path)):
        return Path(model).stem
    return type(model).__name__ if isinstance(model, torch.nn.Module) else "network"


def _frames(
    source: FloatGraph,
    program: torch.export.ExportedProgram,
    example_input: torch.Tensor | None,
    calibrate: Path | str | None,
) -> Frames:
    if calibrate is not None:
        return _user_frames(source, calibrate)
    warnings.warn(
        "no calibration images given: widths and scales come from the sample input and random "
        "images; pass --calibrate for trained networks",
        stacklevel=3,
    )
    if example_input is None:
        # However the program was called: by position, by name, inside a container.
        leaves = tree_leaves(program.example_inputs)
        example_input = leaves[0] if len(leaves) == 1 else None
    return stand_in_frames(example_input, source.input.shape)


def _user_frames(source: FloatGraph, path: Path | str) -> Frames:
    last = source[source.output]
    scores = source[last.inputs[0]] if isinstance(last, FloatArgmax) else last
    count, *size = scores.shape
    return load_frames(Path(path), source.input.shape, count if size == [1, 1] else None)


def _plan(graph: Graph, settings: Config, board: Board) -> tuple[Plan, dict[str, bool]]:
    """The circuit, for the goal that the user set or else for a number of lanes.

    For a goal also, as the estimate tells it, whether it ``is_best``: no folds that are offered
    meet the goal better.
    """
    if not settings.fold.is_goal:
        return plan(graph, _choices(settings)), {}
    if board.family != "xc7":
        raise SlipstickError(
            f"Board '{board.name}'",
            "has other cells than the 7-series ones that are estimated",
            "choose [fold] lanes or interval instead of a goal",
        )
    fold, capacity = settings.fold, board.capacity.model_dump()
    luts, blocks = capacity["lut"], capacity["bram36"]
    interval = fold.interval
    if fold.target_fps is not None:
        interval = int(board.clock_mhz * 1e6 / fold.target_fps)
    goal = Goal(
        interval=interval,
        luts=spendable(fold.lut_budget, luts),
        bram18=2 * spendable(fold.bram_budget, blocks),
        board=board.name,
        clock_mhz=board.clock_mhz,
        least_latency=fold.latency,
    )
    found = best_folds(graph, goal, _choices(settings).pinned)
    return plan_with(graph, found.folds), {"is_best": found.is_best}


def _choices(settings: Config) -> FoldChoices:
    pinned = {
        layer: PinnedFold(options.P, options.S, options.Q, options.rom)
        for layer, options in settings.layer.items()
    }
    return FoldChoices(settings.fold.lanes, settings.fold.interval, pinned)


def _check_folds(settings: Config, decided: Plan) -> None:
    """Raises `SlipstickError` if lanes were chosen for a layer that has none."""
    folded = {stage.nodes.node.name for stage in decided.stages if stage.fold}
    for layer, options in settings.layer.items():
        keys = [key for key in ("P", "S", "Q", "rom") if getattr(options, key) is not None]
        if keys and layer not in folded:
            raise SlipstickError(
                f'Configuration [layer."{layer}"]',
                f"'{keys[0]}' means nothing to a layer without lanes of its own",
                "remove it",
            )


def _emit(graph: Graph, decided: Plan, top: str, work: Path, report: Progress) -> dict[str, str]:
    """Writes the Verilog; returns the module of each instance."""
    report("Elaborating", 0.5)
    text, modules = to_rtlil(Network(graph, decided), top)
    found = count_multipliers(text)
    if found:
        raise RuntimeError(f"A multiplication-free design must have no {found}")
    report("Writing Verilog", 0.75)
    to_verilog(text, work / "rtl")
    for stage in decided.stages:
        require_ports(work / "rtl" / f"{modules[stage.nodes.instance]}.v", STREAM_PORTS)
    return modules


def _accuracy(
    source: FloatGraph, graph: Graph, frames: Frames, integers: torch.Tensor
) -> Accuracy | None:
    if frames.labels is None:
        return None
    return Accuracy(
        images=len(frames.images),
        floating=float_accuracy(source, frames.images, frames.labels),
        integer=integer_accuracy(graph, integers, frames.labels),
    )


def _write_frames(integers: torch.Tensor, frames: Frames, work: Path) -> None:
    arrays: dict[str, Any] = {"images": integers[:KEPT_FRAMES].numpy().astype(np.int32)}
    if frames.labels is not None:
        arrays["labels"] = frames.labels[:KEPT_FRAMES].numpy()
    np.savez_compressed(work / "frames.npz", **arrays)
