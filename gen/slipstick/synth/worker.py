"""Synthesises one module in a process of its own: ``python -m slipstick.synth.worker MODULE``.

Yosys as a library ends the whole interpreter on an error, so it never runs in the caller's.
The working folder holds ``design.v`` (the module and what it instantiates) and
``blackboxes.v`` (modules whose insides are counted elsewhere); ``result.json`` comes out.

The recipe is plain `synth_xilinx`. It is known to melt chains of unregistered adders into LUTs
off the carry chain, which running `alumacc` before flattening prevents; our trees register each
level, and on the stages of an AdderNet-20 (stem, L1 layers, add, pool, linear) that variant
took 0 to 6 % more LUTs and 2 to 26 % more sites, so it is not used.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyosys import libyosys

from slipstick.synth.borders import DISSOLVE
from slipstick.synth.cells import count_cells
from slipstick.synth.gate import MULTIPLYING_CELLS
from slipstick.synth.memories import split_memories
from slipstick.synth.result import Resources
from slipstick.synth.sites import estimate_sites

_ARRIVAL = re.compile(r"^Latest arrival time in '.*' is (\d+):", re.MULTILINE)


def main(module: str) -> None:
    """Synthesises ``module`` in the current folder and writes ``result.json``."""
    design = libyosys.Design()
    design.run_pass("read_verilog -sv design.v")
    design.run_pass("read_verilog -sv -lib blackboxes.v")
    # DSPs stay allowed: a multiplier that slipped in must show, not dissolve into LUTs.
    synthesise = f"synth_xilinx -family xc7 -top {module} -flatten -noiopad -noclkbuf -run "
    design.run_pass(synthesise + "begin:map_dsp")
    modules = [each for each in design.modules_.values() if not each.get_blackbox_attribute()]
    words = Counter(str(cell.type) for each in modules for cell in each.cells_.values())
    design.run_pass(synthesise + "map_dsp:map_memory")
    split_memories(design)
    # Stops before the step that strips the cells' timing data, which `sta` needs.
    design.run_pass(synthesise + "map_memory:check")
    for command in DISSOLVE:
        design.run_pass(command)
    design.run_pass("tee -q -o sta.log sta")
    design.run_pass(f"select {module}")
    design.run_pass("write_json -selected netlist.json")
    document = json.loads(Path("netlist.json").read_text(encoding="utf-8"))
    cells = list(document["modules"][module]["cells"].values())
    result = {
        "resources": asdict(_resources(cells, sum(words[kind] for kind in MULTIPLYING_CELLS))),
        "path_ps": _longest_path(),
        "yosys": document["creator"],
    }
    Path("result.json").write_text(json.dumps(result), encoding="utf-8")


def _resources(cells: list[dict[str, Any]], word_multipliers: int) -> Resources:
    counts = count_cells(cell["type"] for cell in cells)
    return Resources(
        **asdict(counts),
        lut_sites=estimate_sites(cells),
        # One `$mul` may become several slices and a slice may come from an instance.
        multipliers=max(word_multipliers, counts.dsp),
    )


def _longest_path() -> int:
    arrivals = _ARRIVAL.findall(Path("sta.log").read_text(encoding="utf-8"))
    return max(map(int, arrivals), default=0)


if __name__ == "__main__":
    main(sys.argv[1])
