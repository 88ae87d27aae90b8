"""The page of an exploration: pictures of the front, and a table of all points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from slipstick.files import write_whole

FILE = "explore.html"

WIDTH, HEIGHT, MARGIN = 560, 320, 46
CHARTS = (
    ("lut", "LUT", "frames_per_second", "frames/s"),
    ("lut", "LUT", "integer_accuracy", "accuracy"),
    ("energy_nanojoules", "nJ a frame, estimate", "integer_accuracy", "accuracy"),
)
"""Key and caption of both axes of each picture."""
COLUMNS = {
    "activation_bits": "bits",
    "weight_bits": "weight bits",
    "bn_terms": "BatchNorm terms",
    "lanes": "lanes",
    "interval": "interval",
    "clock_mhz": "MHz",
    "frames_per_second": "frames/s",
    "integer_accuracy": "accuracy",
    "lut": "LUT",
    "ff": "FF",
    "bram36": "BRAM36",
    "path_ps": "path, ps",
    "energy_nanojoules": "nJ, estimate",
}


@dataclass(frozen=True)
class Dot:
    """A point in a picture, with what is shown beside it when pointed at."""

    x: float
    y: float
    is_front: bool
    title: str


@dataclass(frozen=True)
class Chart:
    """A picture; ``ends`` are the texts at the ends of both axes."""

    x_caption: str
    y_caption: str
    ends: tuple[str, str, str, str]
    dots: tuple[Dot, ...]


def write_page(folder: Path, document: dict[str, Any]) -> None:
    """Writes ``explore.html``, which needs no network. Same document, same bytes."""
    points, chosen = document["points"], set(document["front"])
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slipstick.explore", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    columns = {key: name for key, name in COLUMNS.items() if any(key in p for p in points)}
    drawn = (_chart(points, chosen, *axes) for axes in CHARTS)
    html = environment.get_template("explore.html.j2").render(
        document=document,
        columns=columns.values(),
        rows=[
            ([_text(key, point.get(key)) for key in columns], point["flaw"], i in chosen)
            for i, point in enumerate(points)
        ],
        charts=[chart for chart in drawn if chart],
        width=WIDTH,
        height=HEIGHT,
        margin=MARGIN,
    )
    write_whole(folder / FILE, html)


def _chart(
    points: Sequence[dict[str, Any]], chosen: set[int], x: str, x_name: str, y: str, y_name: str
) -> Chart | None:
    """The picture of what both axes have a figure for; None if nothing has."""
    shown = [
        (i, point)
        for i, point in enumerate(points)
        if point["flaw"] is None and point[x] is not None and point[y] is not None
    ]
    if not shown:
        return None
    across = _places([point[x] for _, point in shown], WIDTH)
    up = _places([point[y] for _, point in shown], HEIGHT)
    dots = tuple(
        Dot(place, HEIGHT - height, i in chosen, _title(point))
        for (i, point), place, height in zip(shown, across, up, strict=True)
    )
    ends = tuple(
        _text(key, end(point[key] for _, point in shown)) for key in (x, y) for end in (min, max)
    )
    assert len(ends) == 4
    return Chart(x_name, y_name, ends, dots)


def _places(values: Sequence[float], size: int) -> list[float]:
    """Where ``values`` are on an axis, in proportion to their logarithms if they differ much."""
    scaled = list(values)
    if min(scaled) > 0 and max(scaled) > 4 * min(scaled):
        scaled = [math.log(value) for value in scaled]
    low, span = min(scaled), max(scaled) - min(scaled)
    room = size - 2 * MARGIN
    return [round(MARGIN + (room * (v - low) / span if span else room / 2), 1) for v in scaled]


def _title(point: dict[str, Any]) -> str:
    known = ((COLUMNS[key], _text(key, point[key])) for key in COLUMNS if key in point)
    return ", ".join(f"{name} {text}" for name, text in known)


def _text(key: str, value: float | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    if key == "integer_accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
