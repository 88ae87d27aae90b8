"""Writes firmware/slipstick_regs.h and docs/registers.md from the SystemRDL description.

python docs/make_registers.py
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from peakrdl_cheader.c_standards import CStandard
from peakrdl_cheader.exporter import CHeaderExporter
from systemrdl.node import AddrmapNode, Node, RegNode

from slipstick.registers import (
    FieldKind,
    Register,
    RegisterField,
    RegisterMap,
    description,
    register_map,
)

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "firmware/slipstick_regs.h"
PAGE = ROOT / "docs/registers.md"
STAGES = 256
"""How many the header's structure shows; offsets of more are computed the same way."""

END_OF_HEADER = "\n#ifdef __cplusplus\n}\n"

ACCESS = {
    FieldKind.CONSTANT: "read",
    FieldKind.STATUS: "read",
    FieldKind.SETTING: "read, write",
    FieldKind.COMMAND: "write 1 to command",
    FieldKind.FLAG: "read, write 1 to clear",
}


def header() -> str:
    """PeakRDL-cheader's masks, shifts and structure, and an offset of each register."""
    top = description(STAGES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, HEADER.name)
        # C99 leaves out the assertion for which a compiler without a library has no <assert.h>.
        CHeaderExporter().export(top, str(path), std=CStandard.gnu99, reuse_typedefs=False)
        text = path.read_text(encoding="utf-8")
    before, end, after = text.rpartition(END_OF_HEADER)
    assert end, "PeakRDL-cheader ends a header in another way"
    return f"{before.rstrip()}\n\n{offsets(top)}{end}{after}"


def offsets(top: AddrmapNode) -> str:
    """``SLIPSTICK_REG_FRAMES``; a function of the index where a register is in an array."""
    return "// Byte offsets\n" + "".join(
        f"#define SLIPSTICK_REG_{_macro(node, top)}\n"
        for node in top.descendants()
        if isinstance(node, RegNode)
    )


def _macro(node: RegNode, top: AddrmapNode) -> str:
    """Name and value of a register's offset."""
    name = node.get_rel_path(top, array_suffix="", empty_array_suffix="").replace(".", "_")
    offset = f"{node.raw_absolute_address:#x}u"
    for place in _ancestry(node, top):
        if place.is_array:
            return f"{name}(index) ({offset} + {place.array_stride}u * (index))"
    return f"{name} {offset}"


def _ancestry(node: RegNode, top: AddrmapNode) -> Iterator[Node]:
    place: Node | None = node
    while place is not None and place != top:
        yield place
        place = place.parent


def summary(registers: RegisterMap) -> str:
    """All registers with their places."""
    rows = [
        (where, f"[`{name}`](#{_anchor(name)})", register.text)
        for name, where, register in _documented(registers)
    ]
    return _table(("offset", "register", "what it is"), rows)


def fields(registers: RegisterMap) -> str:
    """Each register's fields."""
    return "\n".join(
        f"## {name}\n\n{register.title}, {where}. {register.text}\n\n"
        + _table(("bits", "field", "access", "reset", "meaning"), map(_field, register.fields))
        for name, where, register in _documented(registers)
    )


def _documented(registers: RegisterMap) -> Iterator[tuple[str, str, Register]]:
    """Name, offset and first register of each array or single register."""
    ordered = sorted(registers.registers, key=_name)
    groups = [list(group) for _, group in groupby(ordered, key=_name)]
    for group in sorted(groups, key=lambda group: group[0].offset):
        first, where = group[0], f"`0x{group[0].offset:03X}`"
        if len(group) > 1:
            where += f" + {group[1].offset - first.offset} × n"
        yield _name(first), where, first


def _name(register: Register) -> str:
    """``HASH[n]`` of ``HASH[2]``."""
    return re.sub(r"\[\d+\]", "[n]", register.name)


def _anchor(name: str) -> str:
    """The anchor that Markdown makes of a heading."""
    return re.sub(r"[^\w-]", "", name).lower()


def _field(field: RegisterField) -> tuple[str, ...]:
    bits = str(field.lsb) if field.width == 1 else f"{field.msb}:{field.lsb}"
    reset = "-" if field.kind is FieldKind.STATUS else f"`{field.reset:#x}`"
    return bits, f"`{field.name}`", ACCESS[field.kind], reset, field.text


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (headings, ("---",) * len(headings), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


TABLES: dict[str, Callable[[RegisterMap], str]] = {"summary": summary, "fields": fields}


def filled(page: str) -> str:
    """``page`` with the lines between its marks written anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: docs/make_registers.py -->\n", f"<!-- end of {name} -->\n"
        text = f"{begin}\n{make(register_map(2))}\n{end}"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        page, times = between.subn(lambda _, text=text: text, page)
        assert times == 1, name
    return page


if __name__ == "__main__":
    HEADER.write_text(header(), encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
