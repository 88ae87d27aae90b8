"""Writes the tables of the benchmarks in docs/hardware.md from what was measured.

python docs/make_benchmarks.py [NAME=FILE ...]

Without arguments, every table whose file is in `build` is replaced.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "hardware.md"
SOURCES = {"benchmarks": "build/bench.md", "targets": "build/targets/targets.md"}
"""Where ``make bench`` and ``benchmarks/targets.py`` leave them."""


def main() -> None:
    """Replaces the lines between the marks of each table."""
    named = dict(argument.split("=", 1) for argument in sys.argv[1:])
    found = named or {name: file for name, file in SOURCES.items() if (ROOT / file).exists()}
    if not found or not found.keys() <= SOURCES.keys():
        sys.exit("error: nothing to show; `make bench` and benchmarks/targets.py measure it")
    text = PAGE.read_text(encoding="utf-8")
    for name, file in found.items():
        text = replaced(text, name, (ROOT / file).read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")


def replaced(text: str, name: str, tables: str) -> str:
    """``text`` with ``tables`` between the marks of ``name``."""
    begin = f"<!-- {name}: docs/make_benchmarks.py writes the lines between these marks -->\n"
    end = f"<!-- end of {name} -->\n"
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        sys.exit(f"error: {PAGE} has lost the marks of {name}")
    return f"{before}{begin}\n{tables}\n{end}{after}"


if __name__ == "__main__":
    main()
