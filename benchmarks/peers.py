"""Slipstick beside other generators: the same layer through the same Yosys flow.

The layer is a convolution 3x3, 16 to 16 channels, on 14x14 pixels of 8 bits, padded, with untrained
weights that are signed powers of two. NNgen's is the same with int8 weights and DSP slices allowed,
and with its power-of-two weights; it keeps weights and images in memory outside and has an AXI
interface, ours has the weights inside and streams. Before that come our lanes beside naive forms
and the 8x8 multiplier, from `lanes.py`, after it published rows. Hardwired layers beside da4ml's
are the business of `hardwired.py`. Run it with

    python benchmarks/peers.py [--seconds 600]

What is not installed (`pip install "slipstick[bench]"`) and what is not done in time says so.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import lanes

SHOWN = (
    "L1: slipstick, all of 16 outputs",
    "L1: compare and subtract",
    "shift, 8 exponents: slipstick, 16 outputs",
    "shift, 8 exponents: barrel and negate",
    "8x8 multiplier in LUTs",
)
"""Rows of `lanes.py` that this table repeats."""

PUBLISHED = (
    (
        "FINN CNV-max, XC7Z045, 200 MHz",
        "21,906 frames/s, 80.1 % of CIFAR-10, 46,253 LUT, 186 BRAM36",
        "FPGA 2017, arXiv 1612.07119; weights and activations of 1 bit",
    ),
    (
        "FINN SFC-max, XC7Z045, 200 MHz",
        "12.36 M frames/s, 95.83 % of MNIST",
        "FPGA 2017, arXiv 1612.07119; three dense layers of 1 bit",
    ),
    (
        "ResNet-20 INT8, KV260",
        "7,601 frames/s, 91.3 % of CIFAR-10",
        "arXiv 2309.15631; multiplies in DSP slices, 16 nm instead of 28 nm",
    ),
    (
        "ResNet-8 INT8, KV260",
        "30,153 frames/s, 88.7 % of CIFAR-10",
        "arXiv 2309.15631; as above",
    ),
    (
        "DWN small, XC7Z045, 200 MHz",
        "50.0 M frames/s, 97.80 % of MNIST, 2.1k LUT",
        "ICML 2024; a network of look-up tables, which has no convolutions; without its encoder",
    ),
)
"""What, its figures, and source with what differs. None was measured here."""

OURS = """
import sys, torch
from slipstick.build import compile
from slipstick.nn import ShiftConv2d
from slipstick.synth import synthesise
torch.manual_seed(0)
layer = torch.nn.Sequential(ShiftConv2d(16, 16, 3, padding=1))
build = compile(layer.eval(), torch.rand(1, 16, 14, 14), output="build", name="layer",
                config=sys.argv[1])
total = synthesise(build.folder, jobs=1)
cells = total.total
print(f"{build.manifest.cycles_per_frame} cycles a frame", cells.lut + cells.lutram, cells.ff,
      cells.bram36, cells.dsp, total.path_ps, sep="\\t")
"""

NNGEN = """
import sys
import nngen, numpy
numpy.random.seed(0)
x = nngen.placeholder(nngen.int8, shape=(1, 14, 14, 16), name="x")
w = nngen.variable(nngen.int8, shape=(16, 3, 3, 16), name="w")
w.set_value(numpy.random.randint(-7, 8, w.shape))
y = getattr(nngen, sys.argv[1])(x, w, strides=(1, 1, 1, 1), dtype=nngen.int8,
                                sum_dtype=nngen.int32, name="y")
text = nngen.to_veriloggen([y], "bench", silent=True, config={"maxi_datawidth": 32}).to_verilog()
open("design.v", "w").write(text)
"""

YOSYS = """
import json
from pyosys import libyosys
from slipstick.synth.cells import count_cells
design = libyosys.Design()
for command in (
    "read_verilog -sv design.v",
    "synth_xilinx -family xc7 -top bench -flatten -noiopad -noclkbuf -run begin:check",
    "write_json netlist.json",
):
    design.run_pass(command)
cells = json.load(open("netlist.json"))["modules"]["bench"]["cells"].values()
found = count_cells(cell["type"] for cell in cells)
print("cycles unknown", found.lut + found.lutram, found.ff, found.bram36, found.dsp, "-", sep="\\t")
"""


def run(seconds: float, folder: Path, program: str, *arguments: str) -> str:
    """What ``program`` prints last, in a process of its own; or why there is nothing."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done in {seconds:g} s"
    if done.returncode:
        return f"failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def ours(seconds: float, count: int) -> str:
    """Our layer with ``count`` lanes."""
    with tempfile.TemporaryDirectory() as work:
        config = Path(work) / "fold.toml"
        config.write_text(f"[fold]\nlanes = {count}\n", encoding="utf-8")
        return run(seconds, Path(work), OURS, str(config))


def nngen(seconds: float, layer: str) -> str:
    """NNgen's, one channel in and out at a time."""
    if importlib.util.find_spec("nngen") is None:
        return "not installed"
    with tempfile.TemporaryDirectory() as work:
        return run(seconds, Path(work), NNGEN, layer) or run(seconds, Path(work), YOSYS)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="for each step of each row")
    seconds = parser.parse_args().seconds
    print("A lane of 8-bit x, Yosys for xc7: LUT, FF, path in ps without wires")
    for row in lanes.ROWS:
        if row.name in SHOWN:
            cost = lanes.measure(row)
            print(f"  {row.name:44} {cost.lut:6.1f} {cost.ff:6.1f} {cost.path_ps:6}", flush=True)
    print("The layer, Yosys for xc7: cycles, LUT, FF, BRAM36, DSP, path in ps without wires")
    for count in (1, 16, 144):
        print(f"  Slipstick, {count} lanes: {ours(seconds, count)}", flush=True)
    for layer in ("conv2d", "log_weight_conv2d"):
        print(f"  NNgen, {layer}: {nngen(seconds, layer)}", flush=True)
    print("Published, not measured here")
    for name, figures, source in PUBLISHED:
        print(f"  {name}: {figures} ({source})")


if __name__ == "__main__":
    main()
