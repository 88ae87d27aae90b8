"""Writes the tables of docs/zoo.md: networks, unit energies and ratios, all computed.

python docs/make_zoo.py
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from slipstick.zoo import NETWORKS, SYSTEMS, Network, build, count
from slipstick.zoo.comparison import Ratio, ratios
from slipstick.zoo.energy import FORMATS, OPERATIONS, PLATFORMS, UNIT_ENERGY
from slipstick.zoo.summary import parameters

PAGE = Path(__file__).resolve().parent / "zoo.md"
TAGS = {"read": "", "derived": " ᵈ", "remembered": " ʳ"}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = (headings, ("---",) * len(headings), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def networks() -> str:
    """Every network: what is counted, and what was published beside it."""
    headings = ("network", "input, classes", "parameters", "published", "taps", "published")
    parts = []
    for system, paper in SYSTEMS.items():
        rows = [_network(n) for n in NETWORKS.values() if n.system == system]
        parts.append(f"**{system}**: {paper}\n\n{table(headings, rows)}")
    return "\n".join(parts)


def _network(network: Network) -> tuple[str, ...]:
    module = build(network.name, classes=network.classes)
    taps = count(module, network.input_shape).total.taps
    shape = "×".join(map(str, network.input_shape))
    return (
        f"`{network.name}`",
        f"{shape}, {network.classes}",
        f"{parameters(module):,}",
        _published(network.published.parameters),
        f"{taps:,}",
        _published(network.published.multiply_adds),
    )


def _published(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def remarks() -> str:
    """What is our choice, once for networks that share a remark."""
    names: dict[str, list[str]] = {}
    for network in NETWORKS.values():
        if network.remarks:
            names.setdefault(network.remarks, []).append(f"`{network.name}`")
    return table(("networks", "remark"), ((", ".join(n), text) for text, n in names.items()))


def unit_energies() -> str:
    """The table of picojoules."""
    rows = [
        (PLATFORMS[platform], operation, *(_cell(platform, operation, f) for f in FORMATS))
        for platform in PLATFORMS
        for operation in OPERATIONS
    ]
    return table(("platform", "operation", *FORMATS), rows)


def _cell(platform: str, operation: str, number_format: str) -> str:
    cell = UNIT_ENERGY.get((platform, operation, number_format))
    return "?" if cell is None else f"{cell.picojoules:g}{TAGS[cell.confidence]}"


def comparison() -> str:
    """Published ratios beside ours."""
    rows = ((r.name, r.published, _ours(r), r.unit, r.explanation) for r in ratios())
    return table(("compared", "published", "ours", "unit", "difference"), rows)


def _ours(ratio: Ratio) -> str:
    digits = ",.0f" if ratio.unit == "multiply-accumulates" else ",.1f"
    found = [f"{where}: {format(value, digits)}" for where, value in ratio.ours.items()]
    return "<br>".join(found) or "none"


TABLES: dict[str, Callable[[], str]] = {
    "networks": networks,
    "remarks": remarks,
    "energies": unit_energies,
    "ratios": comparison,
}


def filled(page: str) -> str:
    """``page`` with the lines between its marks written anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: docs/make_zoo.py -->\n", f"<!-- end of {name} -->\n"
        text = f"{begin}\n{make()}\n{end}"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        page, times = between.subn(lambda _, text=text: text, page)
        assert times == 1, name
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
