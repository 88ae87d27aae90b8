"""The table of the benchmarks: everything that is compared, through one Yosys flow.

    python benchmarks/table.py [--seconds 3600]

writes build/bench.json and build/bench.md. What was measured before and has not changed is taken
from build/bench/; all of it takes hours on one core. Rows that are not done in time say so; with 0
seconds only what is kept is shown.
`python docs/make_benchmarks.py` puts the table into the manual.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import clocks
import hardwired
import lanes
import moves
import peers
from flow import Figures, Row, measure
from kept import ROOT, UnmeasuredError
from others import release

SECTIONS: Mapping[str, tuple[str, tuple[Row, ...]]] = {
    "lanes, weights in registers": ("lane", lanes.ROWS),
    "arrays of 16x16 lanes with their ROMs": ("lane", lanes.ROM_ROWS),
    "hardwired powers of two, 16x16": ("weight", hardwired.SMALL_SHIFT),
    "hardwired powers of two, 144x16": ("weight", hardwired.CONVOLUTION_SHIFT),
    "hardwired powers of two, 64x64": ("weight", hardwired.MATRIX_SHIFT),
    "hardwired L1, 16x16": ("weight", hardwired.SMALL_L1),
    "hardwired L1, 64x64": ("weight", hardwired.MATRIX_L1),
    "convolution 3x3, 16 to 16 channels, 14x14 pixels": ("layer", peers.LAYER_ROWS),
    "1x1 layer, 54 to 54 channels, 18x18 lanes, behind moves": ("layer", moves.ROWS),
}
"""What one part is and the rows, of each section."""


def main() -> None:
    """Measures all rows and writes both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600, help="for each run of Yosys")
    seconds = parser.parse_args().seconds
    document: dict[str, Any] = {
        "yosys": version("pyosys"),
        "rivals": [release("da4ml"), release("nngen")],
        "sections": [section(title, seconds) for title in SECTIONS],
        "routed": [attempt(name, clocks.measured, name, seconds) for name in clocks.DESIGNS],
        "published": [asdict(row) for row in (*peers.networks(), *peers.PUBLISHED)],
    }
    if not seconds:
        leave_out_missing(document)
    (ROOT / "build" / "bench.json").write_text(json.dumps(document, indent=1) + "\n")
    (ROOT / "build" / "bench.md").write_text(markdown(document))
    print("build/bench.md")


def section(title: str, seconds: float) -> dict[str, Any]:
    """The measured rows of a section."""
    part, rows = SECTIONS[title]
    print(title, flush=True)
    found = [attempt(row.name, lambda *how: asdict(measure(*how)), row, seconds) for row in rows]
    return {"title": title, "part": part, "rows": found}


def leave_out_missing(document: dict[str, Any]) -> None:
    """Removes from ``document`` what is not measured, and sections of nothing else."""
    for found in document["sections"]:
        found["rows"] = measured(found["rows"])
    document["sections"] = [found for found in document["sections"] if found["rows"]]
    document["routed"] = measured(document["routed"])


def measured(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of ``rows`` that say more than why they say nothing."""
    return [row for row in rows if "missing" not in row]


def attempt(name: str, find: Callable[..., dict[str, Any]], *how: Any) -> dict[str, Any]:
    """What ``find(*how)`` says of ``name``, or why it says nothing."""
    try:
        found = find(*how)
    except UnmeasuredError as error:
        found = {"missing": str(error)}
    print(f"  {name}: {', '.join(f'{value} {key}' for key, value in found.items())}", flush=True)
    return {"name": name, **found}


def markdown(document: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    parts = (
        f"Yosys {document['yosys']} for 7-series, {' and '.join(document['rivals'])}. LUT: logic, "
        "in all and for each part; RAM: LUTs that are RAM or shift registers; sites: an estimate, "
        "with route-throughs and RAM; ps: longest path between registers, cells alone, without "
        "wires.",
        measured_table(document["sections"]),
        *routed_parts(document["routed"]),
        "Networks of `benchmarks/targets.py`, and figures that others published, which were not "
        "measured here; ours are for 200 MHz in an XC7Z045 of 28 nm:",
        published_table(document["published"]),
    )
    return "\n\n".join(parts) + "\n"


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def measured_table(sections: list[dict[str, Any]]) -> str:
    """All sections in one table."""
    headings = (
        *("", "LUT", "LUT each", "sites each", "FF each"),
        *("RAM", "BRAM36", "DSP", "cycles", "ps"),
    )
    rows = []
    for found in sections:
        rows.append((f"**{found['title']}**, a {found['part']}", *[""] * (len(headings) - 1)))
        rows += lines(found["rows"], headings, cells)
    return table(headings, rows)


def lines(
    rows: list[dict[str, Any]],
    headings: tuple[str, ...],
    show: Callable[[dict[str, Any]], tuple[str, ...]],
) -> list[tuple[str, ...]]:
    """Name and cells of each row, or why there are none."""
    empty = [""] * (len(headings) - 2)
    return [
        (row["name"], row["missing"], *empty) if "missing" in row else show(row) for row in rows
    ]


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """What a design takes."""
    found = Figures(**{key: value for key, value in row.items() if key != "name"})
    return (
        row["name"],
        f"{found.lut:,}",
        *(figure(found.each(count)) for count in (found.lut, found.sites, found.ff)),
        f"{found.lutram:,}",
        figure(found.bram36),
        f"{found.dsp}",
        "" if found.cycles is None else f"{found.cycles:,}",
        f"{found.path_ps:,}",
    )


def figure(value: float) -> str:
    """Three places are more than such counts mean."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def routed_parts(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """The clocks and what they are, if there are any."""
    if not rows:
        return ()
    words = (
        "Routed by nextpnr on an ECP5 of speed grade 6; the chains of registers that feed and "
        "read a design are counted:"
    )
    return words, routed_table(rows)


def routed_table(rows: list[dict[str, Any]]) -> str:
    """Clocks after routing."""
    headings = ("8-bit `x`", "LUT4", "FF", "block RAMs", "MHz")

    def show(row: dict[str, Any]) -> tuple[str, ...]:
        counts = (row[kind] for kind in ("lut4", "ff", "ebr"))
        return (row["name"], *(f"{count:,}" for count in counts), f"{row['mhz']:.0f}")

    return table(headings, lines(rows, headings, show))


def published_table(rows: list[dict[str, str]]) -> str:
    """Frames a second, and what differs."""
    headings = ("", "frames/s", "accuracy", "LUT", "BRAM36", "source", "what differs")
    return table(headings, [tuple(row.values()) for row in rows])


if __name__ == "__main__":
    main()
