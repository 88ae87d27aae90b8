"""LUTs that one unit of each feature takes, fitted to synthesis; ``benchmarks/estimator.py``."""

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

EXPECTED = 1.0
"""LUTs a unit of a feature that was not fitted: features are counted so that this is near."""
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
    return math.ceil(sum(weights.get(name, EXPECTED) * amount for name, amount in features.items()))
