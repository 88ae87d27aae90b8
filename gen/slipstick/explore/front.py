"""Which points no other beats."""

from collections.abc import Sequence
from typing import Any

GOALS = {"frames_per_second": 1, "lut": -1, "integer_accuracy": 1, "energy_nanojoules": -1}
"""What a good point has much of (1) or little of (-1)."""


def front(points: Sequence[dict[str, Any]]) -> list[int]:
    """Indices of the points without a flaw that none beats.

    One point beats another if it is worse in no goal and better in one. A goal that no point has
    a figure for, as accuracy without labels, does not count.
    """
    usable = {i: _merits(point) for i, point in enumerate(points) if point["flaw"] is None}
    return [
        i
        for i, merits in usable.items()
        if not any(_beats(other, merits) for other in usable.values())
    ]


def _merits(point: dict[str, Any]) -> tuple[float, ...]:
    return tuple(sign * (point[goal] or 0) for goal, sign in GOALS.items())


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
