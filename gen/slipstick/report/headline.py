"""The figures at the top of the page."""

from dataclasses import dataclass

from slipstick.build_folder import Manifest
from slipstick.report.results import Simulation, Synthesis


@dataclass(frozen=True)
class Badge:
    """A promise of the project and whether this build keeps it; ``state`` is a CSS class."""

    state: str
    title: str
    detail: str


@dataclass(frozen=True)
class Meter:
    """A share shown as a bar."""

    label: str
    share: float | None
    count: str = ""


@dataclass(frozen=True)
class Speed:
    """Cycles and frames/s; ``measured`` is None before a simulation."""

    clock_mhz: float
    ideal: int
    measured: float | None

    @property
    def frames_per_second(self) -> float:
        """At the assumed clock, from the measured cycles where there are any."""
        return self.clock_mhz * 1e6 / (self.measured or self.ideal)

    @property
    def overhead(self) -> float | None:
        """Measured above ideal, as a fraction."""
        return self.measured / self.ideal - 1 if self.measured else None


def speed(manifest: Manifest, simulation: Simulation | None) -> Speed:
    """How fast the circuit is."""
    measured = simulation.cycles_per_frame if simulation else None
    return Speed(manifest.board.clock_mhz, manifest.cycles_per_frame, measured)


def exactness(simulation: Simulation | None, folder_name: str) -> Badge:
    """Whether the Verilog equals the golden model."""
    if simulation is None:
        return Badge("open", "not simulated", f"slipstick simulate {folder_name}")
    compared = f"{simulation.frames:,} frames × {simulation.layers_compared} layers compared"
    if simulation.mismatches:
        return Badge("bad", f"{simulation.mismatches:,} mismatches", compared)
    return Badge("good", "0 mismatches", compared)


def freedom(synthesis: Synthesis | None, folder_name: str) -> Badge:
    """Whether nothing multiplies."""
    if synthesis is None:
        return Badge("open", "not synthesised", f"slipstick synth {folder_name}")
    detail = f"{synthesis.dsp:,} DSP slices"
    if synthesis.multipliers:
        return Badge("bad", f"{synthesis.multipliers:,} multipliers", detail)
    return Badge("good", "0 multipliers", detail)


def accuracies(manifest: Manifest, simulation: Simulation | None) -> tuple[Meter, ...]:
    """Float, integer, RTL; those that are known."""
    meters = []
    if manifest.accuracy:
        meters.append(Meter("float", manifest.accuracy.floating))
        meters.append(Meter("integer", manifest.accuracy.integer))
    if simulation and simulation.accuracy is not None:
        meters.append(Meter("RTL", simulation.accuracy))
    return tuple(meters)


def resources(synthesis: Synthesis) -> tuple[Meter, ...]:
    """The shares of the part that the design takes."""
    used = (
        ("LUT", "lut", synthesis.lut + synthesis.lutram),
        ("LUT sites", "lut_sites", synthesis.lut_sites + synthesis.lutram),
        ("LUT RAM", "lutram", synthesis.lutram),
        ("flip-flops", "ff", synthesis.ff),
        ("BRAM36", "bram36", synthesis.bram36),
    )
    return tuple(
        Meter(
            label, synthesis.utilisation.get(name), f"{count:,g}" if count % 1 else f"{count:,.0f}"
        )
        for label, name, count in used
    )
