"""LUTs of whole layers whose weights are the circuit, one vector a cycle, beside da4ml.

The power-of-two matrices have weights of both signs and 8 exponents and no zeros, the L1 matrix
has weights of 8 bits; inputs have 8 bits. Sums of `HardwiredShift` and `HardwiredL1` are off by
a constant that a layer's bias takes back. Where the package da4ml is installed, its
pipelined circuits of the same matrices go through the same Yosys flow. A matrix of 64x64 takes
Yosys minutes. Run it with

    python benchmarks/hardwired.py
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from lanes import YOSYS

from slipstick.emit import to_rtlil, to_verilog
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.lanes import LaneArray, LaneInput

EXPONENTS = 8
PREPARE = (
    "hierarchy -top bench; proc; opt_expr; opt_clean; opt -nodffe -nosdff; wreduce; opt_clean; "
    "alumacc; opt_clean; flatten; opt_clean"
)
"""Keeps Yosys from melting chains of adders; unregistered ones need it."""
SYNTHESISE = (
    "synth_xilinx -family xc7 -top bench -flatten -noiopad -noclkbuf -nodsp -run begin:check"
)


@dataclass(frozen=True)
class Cost:
    """What a circuit takes; LUTs used as shift registers are counted apart."""

    weights: int
    lut: int
    sites: int
    shift_registers: int
    ff: int
    cycles: int
    longest_ps: int


def powers(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents and signs ``(inputs, outputs)``."""
    rng = np.random.default_rng(0)
    shape = (inputs, outputs)
    return -rng.integers(0, EXPONENTS, shape), rng.choice([-1, 1], shape)


def shift_layer(inputs: int, outputs: int) -> LaneArray:
    """Signed inputs; the exponents are raised until none is negative."""
    exponent, sign = (table.T[None, :, None, :, None] for table in powers(inputs, outputs))
    source = LaneInput(1, inputs, 8, True, -128, 127)
    return HardwiredShift(source, exponent + EXPONENTS - 1, sign)


def l1_layer(inputs: int, outputs: int) -> LaneArray:
    """Unsigned inputs, and weights anywhere in their interval."""
    weight = np.random.default_rng(0).integers(0, 256, (1, outputs, 1, inputs))
    return HardwiredL1(LaneInput(1, inputs, 8, False, 0, 255), weight)


def ours(build: Callable[[int, int], LaneArray], inputs: int, outputs: int) -> Cost:
    """One of the layers above."""
    array = build(inputs, outputs)
    with tempfile.TemporaryDirectory() as work:
        files = to_verilog(to_rtlil(array, "bench")[0], Path(work))
        return measure(files, Path(work), inputs * outputs, array.latency)


def da4ml(inputs: int, outputs: int, adders: int) -> Cost:
    """The same matrix by da4ml, registered after every ``adders`` adders."""
    from da4ml.codegen import RTLModel
    from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace, to_pipeline
    from da4ml.trace.ops import quantize

    exponent, sign = powers(inputs, outputs)
    x = FixedVariableArrayInput((inputs,), HWConfig(1, -1, -1))
    pipeline = to_pipeline(comb_trace(x, quantize(x, 1, 7, 0) @ (sign * 2.0**exponent)), adders)
    with tempfile.TemporaryDirectory() as work:
        RTLModel(pipeline, "bench", Path(work), "verilog").write()
        # The module of tables names a file that does not exist, and no table is used.
        files = [f for f in sorted(Path(work).rglob("*.v")) if f.stem != "lookup_table"]
        # A register in front of each stage, and one behind the last.
        return measure(files, Path(work), inputs * outputs, len(pipeline[0]) + 1)


def measure(files: list[Path], work: Path, weights: int, cycles: int) -> Cost:
    """The circuit ``bench`` in ``files``, synthesised."""
    from slipstick.synth.cells import count_cells
    from slipstick.synth.sites import estimate_sites

    commands = [
        *(f"read_verilog -sv {file}" for file in files),
        *PREPARE.split("; "),
        SYNTHESISE,
        "tee -o timing sta",
        "select bench",
        "write_json -selected netlist.json",
    ]
    run = [sys.executable, "-c", YOSYS, *commands]
    subprocess.run(run, cwd=work, check=True, stdout=subprocess.DEVNULL)
    longest = re.search(r"Latest arrival time in '\S+' is (\d+)", (work / "timing").read_text())
    document = json.loads((work / "netlist.json").read_text())
    cells = list(document["modules"]["bench"]["cells"].values())
    counts = count_cells(cell["type"] for cell in cells)
    sites = estimate_sites(cells) + counts.lutram
    picoseconds = int(longest[1]) if longest else 0
    return Cost(weights, counts.lut, sites, counts.lutram, counts.ff, cycles, picoseconds)


def rows(inputs: int, outputs: int, window: int, filters: int) -> dict[str, Callable[[], Cost]]:
    """What is measured: a matrix and a convolution of so many inputs and outputs each."""
    matrix, conv = (inputs, outputs), (window, filters)
    table = {
        f"shift {inputs}x{outputs}: slipstick": lambda: ours(shift_layer, *matrix),
        f"shift {window}x{filters}: slipstick": lambda: ours(shift_layer, *conv),
        f"L1 {inputs}x{outputs}: slipstick": lambda: ours(l1_layer, *matrix),
    }
    if importlib.util.find_spec("da4ml"):
        for a, b in (matrix, conv):
            for adders in (1, 2):
                name = f"shift {a}x{b}: da4ml, {adders} adders a stage"
                table[name] = lambda a=a, b=b, adders=adders: da4ml(a, b, adders)
    return table


def main() -> None:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--small", action="store_true", help="16x16 and 36x8 instead")
    arguments = parser.parse_args()
    sizes = (16, 16, 36, 8) if arguments.small else (64, 64, 144, 16)
    results = {name: row() for name, row in rows(*sizes).items()}
    if arguments.json:
        print(json.dumps({name: asdict(cost) for name, cost in results.items()}, indent=1))
        return
    print(
        f"{'':42} {'LUT':>6} {'each':>5} {'sites':>6} {'SRL':>5} {'FF':>6} {'cycles':>6} {'ps':>5}"
    )
    for name, c in results.items():
        print(
            f"{name:42} {c.lut:6} {c.lut / c.weights:5.2f} {c.sites:6} {c.shift_registers:5} "
            f"{c.ff:6} {c.cycles:6} {c.longest_ps:5}"
        )


if __name__ == "__main__":
    main()
