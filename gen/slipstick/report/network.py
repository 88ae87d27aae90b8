"""Where the boxes and wires of the drawn network go.

The network is drawn from top to bottom and cut, at places where one tensor alone passes, into
pieces that the page sets side by side on a desk and one below the other on a phone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from slipstick.report.stage_graph import Item, Pass, Rows

WIDTH = 282
BOX_HEIGHT = 66
GAP = 30
GUTTER = 20
COLUMNS = 4
MIN_ROWS = 3
MIN_BOX = 121
"""Narrowest box in which a name can be read; a wider row makes the drawing wider."""


@dataclass(frozen=True)
class Box:
    """A stage at its place."""

    item: int
    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        """Horizontal centre."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Wire:
    """A curve between two points; only the last part of an edge has an arrow head."""

    start: tuple[float, float]
    end: tuple[float, float]
    has_head: bool

    @property
    def path(self) -> str:
        """As an SVG path."""
        (x1, y1), (x2, y2) = self.start, self.end
        half = (y1 + y2) / 2
        return f"M{x1:g} {y1:g}C{x1:g} {half:g} {x2:g} {half:g} {x2:g} {y2:g}"


@dataclass(frozen=True)
class Piece:
    """A part of the network, drawn as one picture."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def draw(rows: Rows) -> tuple[Piece, ...]:
    """The pieces of the drawing of ``rows``."""
    gutters = GUTTER * rows.most_passes
    most = max(sum(not isinstance(item, Pass) for item in row) for row in rows.rows)
    width = max(WIDTH, most * (MIN_BOX + GUTTER) - GUTTER + gutters)
    return tuple(_piece(rows, first, last, width, gutters) for first, last in pairwise(_cuts(rows)))


def _cuts(rows: Rows) -> list[int]:
    """Row numbers at which pieces begin, and the number of rows: as even as the network allows."""
    count = len(rows.rows)
    columns = max(1, min(COLUMNS, count // MIN_ROWS))
    size = count / columns
    # The row of the input has one item, so there is at least one place.
    legal = [row for row in range(1, count) if len(rows.rows[row - 1]) == 1]
    cuts = {0}
    for column in range(1, columns):
        distance, row = min((abs(row - column * size), row) for row in legal)
        if distance <= size / 2:
            cuts.add(row)
    return [*sorted(cuts), count]


def _piece(rows: Rows, first: int, last: int, width: float, gutters: float) -> Piece:
    enters, leaves = first > 0, last < len(rows.rows)
    top = GAP if enters else 0.0
    boxes: dict[Item, Box] = {}
    for number, row in enumerate(rows.rows[first:last]):
        y = top + number * (BOX_HEIGHT + GAP)
        boxes |= _place(row, y, width, gutters)
    height = top + (last - first) * (BOX_HEIGHT + GAP) - (0 if leaves else GAP)
    wires = _wires(rows, boxes)
    if enters:
        wires += _entry(rows, rows.rows[first - 1][0], boxes, width, gutters)
    if leaves:
        box = boxes[rows.rows[last - 1][0]]
        wires.append(Wire(_below(box), (box.middle, height), has_head=False))
    visible = tuple(box for item, box in boxes.items() if not isinstance(item, Pass))
    return Piece(width, height, visible, tuple(wires))


def _place(row: tuple[Item, ...], y: float, width: float, gutters: float) -> dict[Item, Box]:
    """Stages share the width left of the gutters; passes have a gutter each."""
    stages = [item for item in row if not isinstance(item, Pass)]
    passes = [item for item in row if isinstance(item, Pass)]
    share = (width - gutters - GUTTER * (len(stages) - 1)) / max(1, len(stages))
    placed: dict[Item, Box] = {
        stage: Box(stage, number * (share + GUTTER), y, share)
        for number, stage in enumerate(stages)
    }
    for number, item in enumerate(passes):
        placed[item] = Box(-1, width - gutters + number * GUTTER, y, GUTTER)
    return placed


def _below(box: Box) -> tuple[float, float]:
    return box.middle, box.y + box.height


def _wires(rows: Rows, boxes: dict[Item, Box]) -> list[Wire]:
    links = [link for link in rows.links if link[0] in boxes and link[1] in boxes]
    entry = _entries(links, lambda item: boxes[item].middle, boxes)
    wires = [Wire(_below(boxes[link[0]]), entry[link], not _is_pass(link[1])) for link in links]
    for item, box in boxes.items():
        if _is_pass(item):
            wires.append(Wire((box.middle, box.y), _below(box), has_head=False))
    return wires


def _entry(
    rows: Rows, source: Item, boxes: dict[Item, Box], width: float, gutters: float
) -> list[Wire]:
    """Wires from where the previous piece ended, at the top, to those that read its tensor."""
    start = ((width - gutters) / 2, 0.0)
    return [
        Wire(start, (boxes[target].middle, boxes[target].y), not _is_pass(target))
        for target in rows.readers[source]
    ]


def _is_pass(item: Item) -> bool:
    return isinstance(item, Pass)


def _entries(
    links: list[tuple[Item, Item]], middle: Callable[[Item], float], boxes: dict[Item, Box]
) -> dict[tuple[Item, Item], tuple[float, float]]:
    """Where each link meets its target: spread over the box's top, in the sources' order."""
    arriving: dict[Item, list[tuple[Item, Item]]] = {}
    for link in links:
        arriving.setdefault(link[1], []).append(link)
    points = {}
    for target, group in arriving.items():
        box = boxes[target]
        group.sort(key=lambda link: middle(link[0]))
        for number, link in enumerate(group, start=1):
            points[link] = (box.x + box.width * number / (len(group) + 1), box.y)
    return points
