"""LUTs a unit of each feature: least squares of relative errors, drawn to what is expected."""

from collections.abc import Mapping, Sequence

import numpy as np

from slipstick.estimate.coefficients import EXPECTED

SMALLEST = 12
"""LUTs below which an error counts as that of so many."""
PULL = 0.02
"""Error of a component that is worth as much as a coefficient that is twice what is expected."""


def fit(rows: Sequence[tuple[Mapping[str, float], float]]) -> tuple[dict[str, float], np.ndarray]:
    """LUTs a unit by feature, none below 0, and the estimate of each row of features and LUTs."""
    names = sorted({name for features, _ in rows for name in features})
    matrix = np.array([[features.get(name, 0) for name in names] for features, _ in rows], float)
    luts = np.array([lut for _, lut in rows], float)
    weight = 1 / np.maximum(luts, SMALLEST)
    pull = PULL * np.eye(len(names))
    found = non_negative(
        np.vstack([matrix * weight[:, None], pull]),
        np.concatenate([luts * weight, EXPECTED * pull.sum(axis=1)]),
    )
    return dict(zip(names, found.round(4).tolist(), strict=True)), matrix @ found


def non_negative(matrix: np.ndarray, wanted: np.ndarray, rounds: int = 20000) -> np.ndarray:
    """Least squares with coefficients of at least 0, by coordinate descent."""
    scale = np.sqrt((matrix**2).sum(axis=0))
    gram = (matrix / scale).T @ (matrix / scale)
    target = (matrix / scale).T @ wanted
    found = np.zeros(len(gram))
    for _ in range(rounds):
        before = found.copy()
        for index in range(len(gram)):
            rest = target[index] - gram[index] @ found + gram[index, index] * found[index]
            found[index] = max(0.0, rest / gram[index, index])
        if np.abs(found - before).max() < 1e-6:
            break
    return np.asarray(found / scale)
