"""Writes the table of results in README.md from build folders that were simulated and synthesised.

python docs/make_results.py build/lenet build/resnet ...
"""

import sys
from pathlib import Path
from typing import Any

from slipstick.inspect import summarise_results

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- results: docs/make_results.py writes the lines between these marks -->\n"
END = "<!-- end of results -->\n"

HEADINGS = (
    "network",
    "images simulated",
    "values that differ",
    "accuracy float / integer / RTL",
    "cycles a frame, measured / ideal",
    "frames/s",
    "LUT",
    "FF",
    "BRAM36",
    "multipliers",
)


def row(results: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    build, simulation, synthesis = (results[k] for k in ("build", "simulation", "synthesis"))
    if not simulation or not synthesis:
        sys.exit(f"error: {build['folder']} is not simulated and synthesised")
    shares = (build["float_accuracy"], build["integer_accuracy"], simulation["accuracy"])
    clock = build["board"]["clock_mhz"]
    return (
        build["top"],
        f"{simulation['frames']:,}",
        f"{simulation['mismatches']:,}",
        " / ".join("-" if share is None else f"{100 * share:.2f} %" for share in shares),
        f"{simulation['cycles_per_frame']:,.0f} / {build['cycles_per_frame']:,}",
        f"{clock * 1e6 / simulation['cycles_per_frame']:,.0f} at {clock:g} MHz",
        *(f"{synthesis[kind]:,g}" for kind in ("lut", "ff", "bram36", "multipliers")),
    )


def table(folders: list[Path]) -> str:
    """The Markdown table of ``folders``."""
    rows = [HEADINGS, ("---",) * len(HEADINGS)]
    rows += [row(summarise_results(folder)) for folder in folders]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def main() -> None:
    """Replaces the lines between the marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    folders = [Path(name) for name in sys.argv[1:]]
    README.write_text(f"{before}{BEGIN}\n{table(folders)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
