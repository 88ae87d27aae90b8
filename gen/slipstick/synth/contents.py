"""Moves the contents of memories from Verilog text into files for ``$readmemh``.

Yosys's reader takes quadratic time over a block of single assignments, nearly a minute for the
weights of a small linear layer, and a moment for the same contents in a file. The counts stay but
for abc's dependence on the order of cells: 1506 LUTs instead of 1495 for a layer of AdderNet-20.
"""

import re
from pathlib import Path

_ASSIGNMENT = r"    (\\\S+ |\w+)\[(\d+)\] = \d+'h([0-9a-fx]+);\n"
_BLOCK = re.compile(
    rf"^  initial begin\n((?:{_ASSIGNMENT.replace('(', '(?:')})+)  end\n", re.MULTILINE
)
_LINE = re.compile(_ASSIGNMENT)


def move_contents(verilog: str, folder: Path) -> str:
    """``verilog`` with each whole memory's ``initial`` block read from a file in ``folder``."""
    number = 0

    def move(block: re.Match[str]) -> str:
        nonlocal number
        words = _LINE.findall(block[1])
        names = {name for name, _, _ in words}
        # Anything but all words of one memory in order is left as it stands.
        if len(names) != 1 or any(int(at) != n for n, (_, at, _) in enumerate(words)):
            return block[0]
        file = f"contents{number}.hex"
        number += 1
        (folder / file).write_text("".join(f"{word}\n" for _, _, word in words))
        return f'  initial $readmemh("{file}", {names.pop()});\n'

    return _BLOCK.sub(move, verilog)
