"""Writes the tables of the benchmarks in docs/hardware.md from what ``make bench`` measured.

python docs/make_benchmarks.py [build/bench.md]
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "hardware.md"
BEGIN = "<!-- benchmarks: docs/make_benchmarks.py writes the lines between these marks -->\n"
END = "<!-- end of benchmarks -->\n"


def main() -> None:
    """Replaces the lines between the marks."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "bench.md"
    if not source.exists():
        sys.exit(f"error: {source} is missing; `make bench` writes it")
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"error: {PAGE} has lost the marks between which the tables stand")
    tables = source.read_text(encoding="utf-8")
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
