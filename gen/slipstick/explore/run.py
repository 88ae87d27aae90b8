"""Runs all steps of a sweep and writes what came of them."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipstick.boards import Board
from slipstick.boards import board as find_board
from slipstick.config import load_config
from slipstick.errors import SlipstickError
from slipstick.explore.cluster import BatchSystem, connected
from slipstick.explore.front import GOALS, front
from slipstick.explore.page import write_page
from slipstick.explore.plan import Circuit, Inputs, Sweep, circuits
from slipstick.explore.points import points_of
from slipstick.explore.steps import Step, perform
from slipstick.files import fresh_folder, write_whole

Progress = Callable[[int, int, str], None]
"""Told after each step: steps done, steps in all, and which one it was."""

RESULT_FILE = "explore.json"
BUILDS = "builds"


@dataclass(frozen=True)
class Start:
    """Where steps run: ``workers`` processes here or jobs of ``batch``, or at ``scheduler``."""

    workers: int = 2
    scheduler: str | None = None
    batch: BatchSystem | None = None


@dataclass(frozen=True)
class Exploration:
    """What an exploration found; the same points give the same bytes in ``explore.json``.

    Attributes
    ----------
    folder : that holds ``explore.json``, ``explore.html`` and a build folder a circuit.
    document : what ``explore.json`` holds.
    """

    folder: Path
    document: dict[str, Any]


def explore(
    model: Path,
    sweep: Sweep,
    *,
    output: Path,
    calibrate: Path,
    evaluate: Path | None = None,
    board: str = "zc706",
    config: Path | None = None,
    frames: int | None = None,
    start: Start | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Compiles and synthesises every circuit of ``sweep``, and finds the points none beats.

    Parameters
    ----------
    output : folder to make, or that of an earlier run: steps that it holds are not done again.
    frames : simulate so many frames of each circuit, too; at least two.
    start : where the steps run.
    progress : is told of each step that is done.

    A circuit that cannot be made is a point with a flaw. Raises `SlipstickError` if none can be
    made, and for whatever else the user can mend.
    """
    target = find_board(board)
    inputs = Inputs(model, target, load_config(config), calibrate, evaluate)
    found = circuits(sweep, inputs)
    folder = _folder(output)
    steps = [_steps(circuit, inputs, board, folder, frames) for circuit in found]
    errors = _perform_all(steps, start or Start(), progress or (lambda *_: None))
    _remove_partial(folder / BUILDS)
    if all(errors):
        raise SlipstickError(**errors[0])
    document = _document(found, errors, folder, sweep.clocks_mhz or (target.clock_mhz,), target)
    document = {"model": model.name, **document}
    write_whole(folder / RESULT_FILE, json.dumps(document, indent=1) + "\n")
    write_page(folder, document)
    return Exploration(folder, document)


def _folder(output: Path) -> Path:
    """``output``, absent, empty, or of an earlier run."""
    return output.resolve() if (output / BUILDS).is_dir() else fresh_folder(output)


def _remove_partial(builds: Path) -> None:
    """Removes what steps left half-made whose process was killed; now none is under way."""
    for partial in builds.glob(".*"):
        shutil.rmtree(partial, ignore_errors=True)


def _steps(
    circuit: Circuit, inputs: Inputs, board: str, folder: Path, frames: int | None
) -> tuple[Step, ...]:
    """What is done for ``circuit``, each behind the one before it."""
    build = str(folder / BUILDS / circuit.key)
    options = {
        "model": str(inputs.model.resolve()),
        "board": str(Path(board).resolve()) if board.endswith(".toml") else board,
        "config": circuit.config.model_dump(mode="json", exclude_unset=True),
        "calibrate": str(inputs.calibrate.resolve()),
        "evaluate": str(inputs.evaluate.resolve()) if inputs.evaluate else None,
    }
    steps = (Step("compile", build, options), Step("synth", build, {}))
    return steps if frames is None else (*steps, Step("simulate", build, {"frames": frames}))


def _perform_all(
    chains: Sequence[Sequence[Step]], start: Start, progress: Progress
) -> list[dict[str, str]]:
    """Performs all steps; returns what is wrong with each chain, nothing where all is well."""
    waiting = [chain for chain in chains if not all(step.is_done for step in chain)]
    total = sum(map(len, chains))
    done = total - sum(map(len, waiting))
    found: dict[int, dict[str, str]] = {}
    if waiting:
        with connected(start.workers, start.scheduler, start.batch) as client:
            for error, place, name in _performed(client, waiting):
                done += 1
                progress(done, total, name)
                if error:
                    found[id(waiting[place])] = error
    return [found.get(id(chain), {}) for chain in chains]


def _performed(
    client: Any, chains: Sequence[Sequence[Step]]
) -> Iterator[tuple[dict[str, str] | None, int, str]]:
    """Yields what each step returned, as they finish, with its chain's place and its name."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = {}
    for place, chain in enumerate(chains):
        before = None
        for step in chain:
            # Not pure: whether a step is done is for the folder to say, not for the scheduler.
            before = client.submit(perform, step, before, pure=False)
            futures[before] = (place, step.name)
    try:
        for future in as_completed(list(futures)):
            yield future.result(), *futures[future]
    except KilledWorker as error:
        raise SlipstickError(
            "Workers", f"died again and again ({error})", "give them more memory, or use fewer"
        ) from error
    finally:
        client.cancel(list(futures))


def _document(
    found: Sequence[Circuit],
    errors: Sequence[dict[str, str]],
    folder: Path,
    clocks: Sequence[float],
    board: Board,
) -> dict[str, Any]:
    points = [
        point
        for circuit, error in zip(found, errors, strict=True)
        for point in points_of(circuit, error, folder / BUILDS / circuit.key, clocks)
    ]
    return {
        "board": board.name,
        "part": board.part,
        "goals": list(GOALS),
        "points": points,
        "front": front(points),
    }
