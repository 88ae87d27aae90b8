"""The table of coefficients: what was fitted, from what, and how far it is off."""

import datetime
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from estimates.fitting import SMALLEST
from slipstick.estimate.coefficients import FILE

TABLE = Path(__file__).parent.parent.parent / "gen" / "slipstick" / "estimate" / FILE
HEAD = f"""\
# LUTs that one unit of each feature takes; `python benchmarks/estimator.py` writes this.
# Features of which no component was fitted are absent and weigh 1. Errors are fractions. Those of
# the sweep are of the components that were fitted, each taken as at least {SMALLEST} LUTs.
# `--check` adds what LUTs of whole networks are off, which were not fitted: the total, and the
# layer that is off most.
"""


def write_fitted(luts: Mapping[str, float], errors: np.ndarray, groups: Sequence[str]) -> None:
    """Writes the coefficients; what was checked with others is gone."""
    facts = {
        "date": datetime.date.today().isoformat(),
        "pyosys": version("pyosys"),
        "groups": list(groups),
        "components": len(errors),
        "mean_error": round(float(np.abs(errors).mean()), 4),
        "largest_error": round(float(np.abs(errors).max()), 4),
    }
    _write({**facts, "luts": dict(sorted(luts.items())), "checked": {}})


def write_checked(errors: Mapping[str, tuple[float, float]]) -> None:
    """Adds errors of networks, by name: that of the total, and the largest of a layer."""
    document = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    new = {name: [round(value, 4) for value in pair] for name, pair in errors.items()}
    _write({**document, "checked": dict(sorted({**document.get("checked", {}), **new}.items()))})


def _write(document: Mapping[str, Any]) -> None:
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in document.items() if key not in tables]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(f'"{name}" = {_toml(value)}' for name, value in table.items())]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    return json.dumps(value)
