"""Writes the tables of the benchmarks in the manual from what was measured.

python docs/make_benchmarks.py [NAME=FILE ...]

Without arguments, every table whose file is in `build` is replaced.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    "benchmarks": ("hardware.md", "build/bench.md"),
    "targets": ("hardware.md", "build/targets/targets.md"),
    "estimates": ("folding.md", "build/estimates.md"),
}
"""Page and file of each table: where ``make bench``, ``benchmarks/targets.py`` and
``benchmarks/estimator.py --check`` leave them."""


def main() -> None:
    """Replaces the lines between the marks of each table."""
    named = dict(argument.split("=", 1) for argument in sys.argv[1:])
    found = named or {name: file for name, (_, file) in SOURCES.items() if (ROOT / file).exists()}
    if not found or not found.keys() <= SOURCES.keys():
        sys.exit("error: nothing to show; `make bench` and benchmarks/targets.py measure it")
    for name, file in found.items():
        page = ROOT / "docs" / SOURCES[name][0]
        text = replaced(page.read_text(encoding="utf-8"), name, (ROOT / file).read_text("utf-8"))
        page.write_text(text, encoding="utf-8")


def replaced(text: str, name: str, tables: str) -> str:
    """``text`` with ``tables`` between the marks of ``name``."""
    begin = f"<!-- {name}: docs/make_benchmarks.py writes the lines between these marks -->\n"
    end = f"<!-- end of {name} -->\n"
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        sys.exit(f"error: the page has lost the marks of {name}")
    return f"{before}{begin}\n{tables}\n{end}{after}"


if __name__ == "__main__":
    main()
