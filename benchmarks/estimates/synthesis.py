"""Components through Yosys, several at a time, and the store of what was found.

All components of a batch are modules of one design whose borders are kept, which saves the time
that Yosys takes to start. `slipstick.synth.worker` has the same recipe for a single module.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from slipstick.emit import to_rtlil, to_verilog
from slipstick.synth.cells import count_cells
from slipstick.synth.contents import move_contents
from slipstick.synth.memories import split_memories

FOLDER = Path(__file__).parent.parent
STORE = FOLDER.parent / "build" / "estimator.jsonl"
BATCH_BYTES = 120_000
"""Text of the components that one run of Yosys synthesises."""

Cells = Mapping[str, int]
"""How many of each kind of primitive there are."""


def synthesised(parts: Sequence[wiring.Component]) -> list[Cells]:
    """The primitives that Yosys makes of each of ``parts``.

    What was met before is taken from the store, so that an interrupted sweep goes on where it
    stopped; the key is a hash of the component's text.
    """
    known = stored()
    keys: list[str] = []
    batch: dict[str, str] = {}
    for number, part in enumerate(parts):
        text, _ = to_rtlil(part, "part")
        key = hashlib.sha256(text.encode()).hexdigest()
        keys.append(key)
        if key not in known:
            batch[key] = text
        if sum(map(len, batch.values())) > BATCH_BYTES or (batch and number == len(parts) - 1):
            known |= _keep(_synthesised(batch))
            batch = {}
            print(f"{number + 1} of {len(parts)}", file=sys.stderr, flush=True)
    return [known[key] for key in keys]


def stored() -> dict[str, Cells]:
    """What earlier sweeps found, by hash of the text."""
    if not STORE.exists():
        return {}
    lines = [json.loads(line) for line in STORE.read_text(encoding="utf-8").splitlines()]
    return {line["key"]: line["cells"] for line in lines}


def resources(cells: Cells) -> dict[str, float]:
    """LUT, FF, LUTRAM and block RAM of ``cells``, as `slipstick synth` counts them."""
    counts = count_cells(Counter(cells).elements())
    return {"lut": counts.lut, "ff": counts.ff, "lutram": counts.lutram, "bram36": counts.bram36}


def _keep(found: Mapping[str, Cells]) -> Mapping[str, Cells]:
    STORE.parent.mkdir(exist_ok=True)
    with STORE.open("a", encoding="utf-8") as store:
        for key, cells in found.items():
            store.write(json.dumps({"key": key, "cells": cells}) + "\n")
    return found


def _synthesised(texts: Mapping[str, str]) -> dict[str, Cells]:
    names = {f"part{number}": key for number, key in enumerate(texts)}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        renamed = [
            re.sub(r"\\part(?=[_ \n])", rf"\\{name}", texts[key]) for name, key in names.items()
        ]
        to_verilog("\n".join(renamed), folder / "rtl")
        sources = [path.read_text() for path in sorted(folder.glob("rtl/*.v"))]
        (folder / "design.v").write_text(move_contents("\n".join(sources), folder))
        command = [sys.executable, str(Path(__file__)), *names]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Cells] = json.loads((folder / "found.json").read_text())
        return {names[name]: cells for name, cells in found.items()}


class _OneModule:
    """A module in the place of a design, for what works on a design's top."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def top_module(self) -> Any:
        """The module."""
        return self._module


def worker(names: Sequence[str]) -> None:
    """Synthesises the modules ``names`` of ``design.v``; their cells go to ``found.json``."""
    from pyosys import libyosys

    design = libyosys.Design()
    design.run_pass("read_verilog -sv design.v")
    instances = "".join(f"{name} i_{name}();\n" for name in names)
    Path("all.v").write_text(f"module all;\n{instances}endmodule\n")
    design.run_pass("read_verilog -sv all.v")
    design.run_pass(f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}")
    synthesise = "synth_xilinx -family xc7 -top all -flatten -noiopad -noclkbuf -run "
    design.run_pass(synthesise + "begin:map_memory")
    for name in names:
        split_memories(_OneModule(design.module(libyosys.IdString(f"\\{name}"))))
    design.run_pass(synthesise + "map_memory:check")
    designed = [m for m in design.modules_.values() if not m.get_blackbox_attribute()]
    modules = {str(module.name)[1:]: module for module in designed}
    found = {name: dict(sorted(_cells(modules, name).items())) for name in names}
    Path("found.json").write_text(json.dumps(found))


def _cells(modules: Mapping[str, Any], name: str) -> Counter[str]:
    """The primitives in module ``name``, and in those below it that keep their borders."""
    cells: Counter[str] = Counter()
    for cell in modules[name].cells_.values():
        kind = str(cell.type)[1:]
        cells += _cells(modules, kind) if kind in modules else Counter([kind])
    return cells


if __name__ == "__main__":
    worker(sys.argv[1:])
