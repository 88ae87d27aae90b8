"""LUTs that one unit of each feature takes, fitted to synthesis; ``benchmarks/estimator.py``."""

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

FILE = "coefficients.toml"


@cache
def coefficients() -> Mapping[str, float]:
    """LUTs a unit, by feature."""
    document = tomllib.loads(files("slipstick.estimate").joinpath(FILE).read_text(encoding="utf-8"))
    found: dict[str, float] = document["luts"]
    return found


def weigh(features: Mapping[str, float]) -> int:
    """LUTs of all ``features`` together, rounded up."""
    weights = coefficients()
    return math.ceil(sum(weights[name] * amount for name, amount in features.items()))
