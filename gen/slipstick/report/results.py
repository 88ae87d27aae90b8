"""What estimate, simulation and synthesis left in the build folder, typed; each may be missing."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from slipstick.errors import SlipstickError


class Result(BaseModel):
    """Base: frozen, and open, since the page uses only some of the keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ComparedLayer(Result):
    """A stage's stream, compared with the golden model."""

    instance: str
    mismatches: int


class Simulation(Result):
    """``simulation.json``."""

    frames: int
    layers_compared: int
    mismatches: int
    cycles_per_frame: float | None = None
    latency_cycles: int | None = None
    accuracy: float | None = None
    per_layer: tuple[ComparedLayer, ...] = ()


class Taken(Result):
    """What both an estimate and a synthesis count."""

    lut: int
    ff: int
    lutram: int
    bram36: float

    @property
    def taken(self) -> "Taken":
        """No more than that."""
        return Taken(**self.model_dump())


class EstimateRow(Taken):
    """One instance of the top."""

    instance: str


class Estimate(Taken):
    """``estimate.json``."""

    per_layer: tuple[EstimateRow, ...]


class Counts(Taken):
    """Resources of a row of ``synthesis.json`` or of the whole."""

    lut_sites: int
    dsp: int
    multipliers: int
    path_ps: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        fields = type(self).model_fields
        sums = {name: getattr(self, name) + getattr(other, name) for name in fields}
        return Counts(**sums | {"path_ps": max(self.path_ps, other.path_ps)})


class SynthesisRow(Counts):
    """One instance of the top."""

    instance: str
    kind: str

    @property
    def counts(self) -> Counts:
        """The row without its name."""
        return Counts(**self.model_dump())


class Synthesis(Counts):
    """``synthesis.json``."""

    per_layer: tuple[SynthesisRow, ...]
    utilisation: dict[str, float]
    versions: dict[str, str]


Kind = TypeVar("Kind", bound=Result)


def read_simulation(folder: Path) -> Simulation | None:
    """What `simulate` found, None if it was not run."""
    return _read(folder / "simulation.json", Simulation, "simulate")


def read_synthesis(folder: Path) -> Synthesis | None:
    """What `synth` found, None if it was not run."""
    return _read(folder / "synthesis.json", Synthesis, "synth")


def read_estimate(folder: Path) -> Estimate | None:
    """What `compile` expected, None in a folder of a version that did not estimate."""
    return _read(folder / "estimate.json", Estimate, "compile")


def _read(path: Path, kind: type[Kind], command: str) -> Kind | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        if isinstance(error, OSError):
            cause = error.strerror
        else:
            first = error.errors()[0]
            cause = f"key '{'.'.join(map(str, first['loc']))}': {first['msg']}"
        raise SlipstickError(
            f"File '{path}'", f"cannot be read ({cause})", f"run slipstick {command} again"
        ) from error
