"""Draws docs/pipeline.svg from a real compile, by watching which room calls which function.

    python docs/make_pipeline.py MODEL.pt2 IMAGES.npz FOLDER

Every box is a function that `slipstick.build` called, with the type that it returned: the drawing
cannot show a step that the program does not take.
"""

import sys
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any

from slipstick.build import compile as compile_model

PICTURE = Path(__file__).with_name("pipeline.svg")
CALLER = "slipstick.build"
ROOMS = ("frontend", "quantise", "fold", "elaborate", "emit", "sim", "synth", "report")
TEMPLATES = "rtl_templates"

BOX = (148, 74)
GAP = 26
PER_ROW = 4

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


def watch_everything(model: Path, images: Path, folder: Path) -> dict[tuple[str, str], str]:
    """The steps of a compile and of the three commands on its folder."""
    watch = Watch()
    sys.setprofile(watch)
    try:
        build = compile_model(model, output=folder, calibrate=images)
        build.simulate(frames=1)
        build.synth()
        build.report()
    finally:
        sys.setprofile(None)
    return watch.steps


def draw(steps: dict[tuple[str, str], str]) -> str:
    """The steps as boxes in rows, read like text."""
    parts = []
    (width, height), count = BOX, len(steps)
    for number, ((room, function), kind) in enumerate(steps.items()):
        row, column = divmod(number, PER_ROW)
        x, y = GAP + column * (width + GAP), 10 + row * (height + GAP)
        style = ' class="after"' if ROOMS.index(room) >= ROOMS.index("sim") else ""
        parts.append(f'<rect{style} x="{x}" y="{y}" width="{width}" height="{height}"/>')
        lines = (("room", room), ("function", f"{function}()"), ("type", kind and f"→ {kind}"))
        for line, (name, text) in enumerate(lines):
            place = f'x="{x + width / 2}" y="{y + 22 + 20 * line}"'
            parts.append(f'<text class="{name}" {place}>{escape(text)}</text>')
        if column + 1 < PER_ROW and number + 1 < count:
            parts.append(f'<path d="M{x + width} {y + height / 2}h{GAP - 3}"/>')
    total = (GAP + PER_ROW * (width + GAP), 10 + -(-count // PER_ROW) * (height + GAP))
    head = '<marker id="head" markerWidth="7" markerHeight="7" refX="5" refY="3" orient="auto">'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" '
        f'role="img" aria-label="The steps of a compile"><style>{STYLE}</style>'
        f'<defs>{head}<path d="M0 0L6 3L0 6z" style="fill:#7b8794;marker-end:none"/></marker>'
        f"</defs>{''.join(parts)}</svg>\n"
    )


def main() -> None:
    """Writes the picture."""
    model, images, folder = map(Path, sys.argv[1:])
    PICTURE.write_text(draw(watch_everything(model, images, folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
