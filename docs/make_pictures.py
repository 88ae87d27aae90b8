"""Draws docs/pipeline.svg and docs/report.png from a real compile.

    python docs/make_pictures.py MODEL.pt2 CALIBRATION.npz IMAGES.npz FOLDER

`pipeline.svg` comes from watching which room calls which function: every box is one that
`slipstick.build` called, with the type that it returned, so the drawing cannot show a step that
the program does not take. `report.png` is the top of the build's report in Chromium.
"""

import subprocess
import sys
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any

from slipstick.build import compile as compile_model

PIPELINE = Path(__file__).with_name("pipeline.svg")
SCREENSHOT = Path(__file__).with_name("report.png")
SCREENSHOT_SIZE = (1200, 1180)
CALLER = "slipstick.build"
ROOMS = ("frontend", "quantise", "fold", "elaborate", "emit", "sim", "synth", "report")

BOX = (148, 74)
GAP = 26
PER_ROW = 4

AFTER_COMPILE = ("simulate", "synthesise", "report")

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933; text-anchor: middle }
  .room { font-weight: 600 } .type { fill: #52606d; font-size: 12px }
  rect { fill: #eef4fb; stroke: #5b8db8; rx: 8px } .after { fill: #f3f0fa; stroke: #8a78b5 }
  path { fill: none; stroke: #7b8794; stroke-width: 1.5; marker-end: url(#head) }
"""


class Watch:
    """Collects the calls from `CALLER` into `ROOMS`, in order: room, function, what came back."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], str] = {}

    def __call__(self, frame: FrameType, event: str, result: Any) -> None:
        """Told of each call and return by `sys.setprofile`."""
        caller = frame.f_back
        if event not in ("call", "return") or caller is None:
            return
        if caller.f_globals.get("__name__") != CALLER:
            return
        parts = str(frame.f_globals.get("__name__", "")).split(".")
        if parts[0] != "slipstick" or len(parts) < 2 or parts[1] not in ROOMS:
            return
        name = frame.f_code.co_qualname.removesuffix(".__init__")
        if "." in name or name.startswith("_"):
            return
        step = (parts[1], name)
        if event == "call":
            self.steps.setdefault(step, "")
        elif result is not None:
            self.steps[step] = type(result).__name__


def watch_everything(
    model: Path, calibration: Path, images: Path, folder: Path
) -> dict[tuple[str, str], str]:
    """The steps of a compile and of the three commands on its folder."""
    watch = Watch()
    sys.setprofile(watch)
    try:
        build = compile_model(model, output=folder, calibrate=calibration)
        build.simulate(images=images, fast=True)
        build.synth()
        build.report()
    finally:
        sys.setprofile(None)
    return watch.steps


def draw(steps: dict[tuple[str, str], str]) -> str:
    """The steps as boxes in rows, read like text."""
    parts = []
    for number, ((room, function), kind) in enumerate(steps.items()):
        parts += _box(number, room, function, kind)
        if number + 1 < len(steps):
            parts.append(_arrow(number))
    (width, height), rows = BOX, -(-len(steps) // PER_ROW)
    total = (GAP + PER_ROW * (width + GAP), GAP + rows * (height + GAP))
    head = '<marker id="head" markerWidth="7" markerHeight="7" refX="5" refY="3" orient="auto">'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" '
        f'role="img" aria-label="The steps of a compile"><style>{STYLE}</style>'
        f'<defs>{head}<path d="M0 0L6 3L0 6z" style="fill:#7b8794;marker-end:none"/></marker>'
        f"</defs>{''.join(parts)}</svg>\n"
    )


def _place(number: int) -> tuple[int, int]:
    row, column = divmod(number, PER_ROW)
    return GAP + column * (BOX[0] + GAP), GAP + row * (BOX[1] + GAP)


def _box(number: int, room: str, function: str, kind: str) -> list[str]:
    (x, y), (width, height) = _place(number), BOX
    style = ' class="after"' if function in AFTER_COMPILE else ""
    # A class is what it makes; a function's result is named below it.
    name = function if function[0].isupper() else f"{function}()"
    lines = (("room", room), ("function", name), ("type", kind and f"→ {kind}"))
    box = [f'<rect{style} x="{x}" y="{y}" width="{width}" height="{height}"/>']
    for line, (role, text) in enumerate(lines):
        place = f'x="{x + width / 2:g}" y="{y + 22 + 20 * line}"'
        box.append(f'<text class="{role}" {place}>{escape(text)}</text>')
    return box


def _arrow(number: int) -> str:
    """From box ``number`` to the next, which may stand at the start of the next row."""
    (x, y), (width, height) = _place(number), BOX
    if (number + 1) % PER_ROW:
        return f'<path d="M{x + width} {y + height / 2:g}h{GAP - 3}"/>'
    first = _place(number + 1)[0] + width / 2
    return f'<path d="M{x + width / 2:g} {y + height}v{GAP // 2}H{first:g}v{GAP // 2 - 3}"/>'


def photograph(page: Path) -> None:
    """Writes the top of ``page``, as a desk-wide browser shows it."""
    size = ",".join(map(str, SCREENSHOT_SIZE))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [f"--window-size={size}", f"--screenshot={SCREENSHOT}", page.absolute().as_uri()]
    subprocess.run(["chromium", *options], check=True, capture_output=True)


def main() -> None:
    """Writes both pictures."""
    model, calibration, images, folder = map(Path, sys.argv[1:])
    steps = watch_everything(model, calibration, images, folder)
    PIPELINE.write_text(draw(steps), encoding="utf-8")
    photograph(folder / "report.html")


if __name__ == "__main__":
    main()
