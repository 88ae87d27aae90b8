"""Maps a design to ECP5 cells in a process of its own: ``python -m slipstick.ecp5.worker TOP``.

Yosys as a library ends the whole interpreter on an error, so it never runs in the caller's. The
working folder holds ``design.v``; ``netlist.json`` and ``cells.json``, how many there are of each
kind, come out.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from pyosys import libyosys

from slipstick.synth.borders import DISSOLVE
from slipstick.synth.gate import MULTIPLYING_CELLS
from slipstick.synth.memories import split_memories


def main(top: str) -> None:
    """Synthesises ``top`` in the current folder."""
    design = libyosys.Design()
    design.run_pass("read_verilog -sv design.v")
    words = Counter(str(c.type) for m in design.modules_.values() for c in m.cells_.values())
    # DSPs stay allowed: a multiplier that slipped in must show, not dissolve into LUTs.
    synthesise = f"synth_ecp5 -top {top} -run "
    design.run_pass(synthesise + "begin:map_ram")
    split_memories(design)
    design.run_pass(synthesise + "map_ram:edif")
    for command in DISSOLVE:
        design.run_pass(command)
    design.run_pass("write_json netlist.json")
    cells = Counter(str(c.type).removeprefix("\\") for c in design.top_module().cells_.values())
    multipliers = sum(words[kind] for kind in MULTIPLYING_CELLS)
    document = {"cells": dict(sorted(cells.items())), "multipliers": multipliers}
    Path("cells.json").write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
