"""The figures of a circuit at each clock, read from its build folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipstick.built import read_build
from slipstick.explore.energy import energy_nanojoules
from slipstick.explore.plan import Circuit
from slipstick.inspect import summarise_results


def points_of(
    circuit: Circuit, error: Mapping[str, str], folder: Path, clocks_mhz: Sequence[float]
) -> list[dict[str, Any]]:
    """A point a clock; with ``flaw``, the reason why it cannot be used, or None.

    Raises `SlipstickError` if the build folder is damaged.
    """
    figures = _nothing(error) if error else _figures(folder)
    return [
        {
            **circuit.choices,
            "clock_mhz": clock,
            "frames_per_second": _rate(clock, figures["cycles_per_frame"]),
            **figures,
            "flaw": figures["flaw"] or _missed(clock, figures["path_ps"]),
            "build": circuit.key,
        }
        for clock in dict.fromkeys(clocks_mhz)
    ]


def _nothing(error: Mapping[str, str]) -> dict[str, Any]:
    keys = (
        "cycles_per_frame lut ff bram36 path_ps images float_accuracy integer_accuracy "
        "energy_nanojoules frames_simulated mismatches multipliers"
    )
    return {**dict.fromkeys(keys.split()), "flaw": f"{error['thing']}: {error['cause']}"}


def _figures(folder: Path) -> dict[str, Any]:
    found = summarise_results(folder)
    build, synthesis, simulation = found["build"], found["synthesis"], found["simulation"]
    measured = simulation["cycles_per_frame"] if simulation else None
    return {
        "cycles_per_frame": measured or build["cycles_per_frame"],
        "lut": synthesis["lut"] + synthesis["lutram"],
        "ff": synthesis["ff"],
        "bram36": synthesis["bram36"],
        "path_ps": synthesis["path_ps"],
        "images": build["images"],
        "float_accuracy": build["float_accuracy"],
        "integer_accuracy": build["integer_accuracy"],
        "energy_nanojoules": energy_nanojoules(read_build(folder)[1]),
        "frames_simulated": simulation["frames"] if simulation else 0,
        "mismatches": simulation["mismatches"] if simulation else None,
        "multipliers": synthesis["multipliers"],
        "flaw": _flaw(synthesis, simulation),
    }


def _flaw(synthesis: Mapping[str, Any], simulation: Mapping[str, Any] | None) -> str | None:
    if synthesis["multipliers"]:
        return f"{synthesis['multipliers']} multipliers"
    if simulation and simulation["mismatches"]:
        return f"{simulation['mismatches']} values differ in simulation"
    over = [name for name, share in synthesis["utilisation"].items() if share > 1]
    return f"too large for the part: {', '.join(over)}" if over else None


def _missed(clock_mhz: float, path_ps: int | None) -> str | None:
    """Cells alone take longer than a cycle: no router can mend that."""
    if path_ps is None or path_ps * clock_mhz <= 1e6:
        return None
    return f"the cells of one path take {path_ps} ps, more than a cycle"


def _rate(clock_mhz: float, cycles: float | None) -> float | None:
    return round(clock_mhz * 1e6 / cycles, 1) if cycles else None
