"""A build folder written by hand: a real residual integer graph beside toy Verilog.

Tests of synthesis and report need a folder that obeys docs/architecture.md, in milliseconds and
without the compiler.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slipstick.build_folder import FORMAT
from slipstick.graph import (
    Add,
    Affine,
    Argmax,
    Flatten,
    Graph,
    Input,
    L1Matmul,
    Node,
    Pool,
    ShiftMatmul,
    Window,
    run,
    save,
)
from slipstick.streams import Layout

SIZE = 12
CLASSES = 5
SAME = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


@dataclass(frozen=True)
class Names:
    """The names of the layers, so that a test can choose hostile ones."""

    top: str = "tinynet"
    conv: str = "conv1"
    block: str = "block"
    head: str = "fc"


def _shift(name: str, source: str, shape: tuple[int, ...], window: Window, seed: int) -> Node:
    rng = np.random.default_rng(seed)
    exponent = rng.integers(0, 6, (1, *shape))
    sign = rng.choice([-1, 0, 1], (1, *shape), p=[0.4, 0.2, 0.4])
    bias = rng.integers(-40, 40, shape[0])
    return ShiftMatmul(name, (source,), exponent, sign, 6, bias, window, 1)


def _affine(name: str, source: str, channels: int, shift: int, hi: int, lo: int = 0) -> Node:
    ones = np.ones((1, channels), np.int64)
    bias = np.arange(channels) * 16
    return Affine(name, (source,), ones * 0, ones, bias, shift, lo, hi, 5)


def _l1(name: str, source: str, channels: int, seed: int) -> Node:
    weight = np.random.default_rng(seed).integers(0, 90, (channels, channels, 3, 3))
    return L1Matmul(name, (source,), weight, np.full(channels, 9000), SAME, 1)


def make_graph(names: Names, argmax: bool = False) -> Graph:
    """A shift stem, an L1 block with a residual branch, a pool and a linear head."""
    conv, block, head = names.conv, names.block, names.head
    nodes: list[Node] = [
        Input("input", (), (1, SIZE, SIZE), 8, 0, 255),
        _shift(conv, "input", (8, 1, 3, 3), SAME, 1),
        _affine(f"{conv}.affine", conv, 8, 6, 127),
        _l1(f"{block}.conv1", f"{conv}.affine", 8, 2),
        _affine(f"{block}.conv1.affine", f"{block}.conv1", 8, 6, 127),
        _l1(f"{block}.conv2", f"{block}.conv1.affine", 8, 3),
        _affine(f"{block}.conv2.affine", f"{block}.conv2", 8, 5, 127, lo=-128),
        Add(f"{block}.add", (f"{block}.conv2.affine", f"{conv}.affine"), (0, 0)),
        _affine(f"{block}.add.affine", f"{block}.add", 8, 1, 127),
        Pool("pool", (f"{block}.add.affine",), "max", Window((2, 2), (2, 2))),
        Flatten("flatten", ("pool",)),
        _shift(head, "flatten", (CLASSES, 8 * (SIZE // 2) ** 2, 1, 1), Window(), 4),
    ]
    if argmax:
        nodes.append(Argmax("argmax", (head,)))
    return Graph(tuple(nodes), nodes[-1].name)


def draw_images(count: int) -> np.ndarray:
    """Bars, rings and noise: int32 ``(count, 1, SIZE, SIZE)``."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIZE, :SIZE]
    radius = np.hypot(y - SIZE / 2 + 0.5, x - SIZE / 2 + 0.5)
    shapes = [np.abs(radius - 4) < 1, abs(x - y) < 2, x // 2 % 2 == 0, y // 2 % 2 == 0, radius < 3]
    images = [shapes[n % 5] * 200 + rng.integers(0, 56, (SIZE, SIZE)) for n in range(count)]
    return np.array(images, np.int32)[:, None]


TOY = """module {module}(clk, i__payload, i__valid, i__ready, o__payload, o__valid, o__ready);
  input clk; input [7:0] i__payload; input i__valid; output i__ready;
  output reg [7:0] o__payload; output reg o__valid; input o__ready;
  reg [7:0] rows[0:31]; reg [4:0] at; reg [7:0] old;
  assign i__ready = o__ready;
  always @(posedge clk) begin
    old <= rows[at]; rows[at] <= i__payload; at <= at + 5'd1;
    o__payload <= {expression}; o__valid <= i__valid;
  end
endmodule
"""


def _wire(instance: str, module: str, source: str) -> str:
    return (
        f"  wire [7:0] {instance}_d; wire {instance}_v;\n"
        f"  {module} {instance} (\n    .clk(clk), .i__payload({source}_d), "
        f".i__valid({source}_v), .i__ready(), .o__payload({instance}_d), "
        f".o__valid({instance}_v), .o__ready(o_ready)\n  );\n"
    )


def _write_verilog(folder: Path, top: str, modules: dict[str, str], expression: str) -> None:
    """A chain of toy modules; the last two instances share one text but for their names."""
    folder.mkdir(parents=True)
    for module in modules.values():
        text = TOY.format(module=module, expression=expression)
        (folder / f"{module}.v").write_text(text, encoding="utf-8")
    body, source = "", "i"
    for instance, module in modules.items():
        body += _wire(instance, module, source)
        source = instance
    (folder / f"{top}.v").write_text(
        f"module {top}(clk, i_data, i_valid, o_data, o_valid, o_ready);\n"
        "  input clk; input [7:0] i_data; input i_valid; input o_ready;\n"
        "  output [7:0] o_data; output o_valid;\n"
        "  wire [7:0] i_d = i_data; wire i_v = i_valid;\n"
        f"{body}  assign o_data = {source}_d; assign o_valid = {source}_v;\nendmodule\n",
        encoding="utf-8",
    )


def _stream(graph: Graph, tensor: str, lanes: int) -> dict[str, Any]:
    found = graph.tensors[tensor]
    return {
        "tensor": tensor,
        "shape": list(found.shape),
        "width": found.width,
        "signed": found.signed,
        "frac": found.frac,
        "beats": [list(beat) for beat in Layout.natural(found.shape[0], lanes).beats],
    }


def _stages(names: Names, argmax: bool) -> list[dict[str, Any]]:
    conv, block, head = names.conv, names.block, names.head
    rows: list[tuple[str, str, list[str], list[str], dict[str, int] | None, int, int]] = [
        ("conv1", "shift", [conv, f"{conv}.affine"], ["input"], {"P": 4, "S": 1, "Q": 3}, 12, 864),
        (
            "block_conv1",
            "l1",
            [f"{block}.conv1", f"{block}.conv1.affine"],
            [f"{conv}.affine"],
            {"P": 4, "S": 2, "Q": 9},
            72,
            1152,
        ),
        (
            "block_conv2",
            "l1",
            [f"{block}.conv2", f"{block}.conv2.affine"],
            [f"{block}.conv1.affine"],
            {"P": 2, "S": 4, "Q": 9},
            72,
            1152,
        ),
        (
            "block_add",
            "add",
            [f"{block}.add", f"{block}.add.affine"],
            [f"{block}.conv2.affine", f"{conv}.affine"],
            None,
            4,
            288,
        ),
        ("pool", "max pool", ["pool"], [f"{block}.add.affine"], None, 4, 288),
        ("fc", "shift", [head], ["flatten"], {"P": 5, "S": 1, "Q": 1}, 5, 288),
    ]
    if argmax:
        rows.append(("argmax", "argmax", ["argmax"], [head], None, 1, 5))
    return [
        {
            "instance": instance,
            "module": f"{names.top}_{instance}",
            "kind": kind,
            "nodes": nodes,
            "inputs": inputs,
            "output": nodes[-1],
            "fold": fold,
            "lanes": lanes,
            "cycles": cycles,
        }
        for instance, kind, nodes, inputs, fold, lanes, cycles in rows
    ]


def write_build(
    folder: Path,
    names: Names = Names(),
    *,
    images: int = 24,
    argmax: bool = False,
    expression: str = "i__payload + old",
) -> Path:
    """Writes the build folder and returns it. ``expression`` is what every toy stage computes."""
    graph = make_graph(names, argmax)
    save(graph, folder / "graph")
    stages = _stages(names, argmax)
    plumbing = {"fork_conv1": f"{names.top}_fork", "fifo_conv1": f"{names.top}_fifo"}
    modules = {stage["instance"]: stage["module"] for stage in stages} | plumbing
    _write_verilog(folder / "rtl", names.top, modules, expression)
    frames = draw_images(images)
    logits = run(graph, torch.from_numpy(frames))[names.head].flatten(1)
    labels = logits.argmax(1).numpy().astype(np.int64)
    labels[::4] = (labels[::4] + 1) % CLASSES
    np.savez_compressed(folder / "frames.npz", images=frames, labels=labels)
    output = graph.output
    document = {
        "format": FORMAT,
        "slipstick": "0.1.0",
        "top": names.top,
        "board": {
            "name": "zc706",
            "part": "xc7z045ffg900-2",
            "clock_mhz": 200,
            "capacity": {"lut": 218600, "ff": 437200, "bram36": 545, "dsp": 900, "lutram": 70400},
        },
        "config": {"board": "zc706", "default": {"activation_bits": 8}},
        "versions": {"torch": "2.13.0", "amaranth": "0.5.10", "pyosys": "0.70"},
        "hashes": {"graph/graph.json": "ab" * 32},
        "accuracy": {"images": 1000, "float": 0.913, "integer": 0.908},
        "saturations": {f"{names.conv}.affine": 12, f"{names.block}.add.affine": 3},
        "cycles_per_frame": 1152,
        "input": {
            "data": "i_data",
            "valid": "i_valid",
            "ready": "i_ready",
            "last": "i_last",
            **_stream(graph, "input", 1),
        },
        "output": {
            "data": "o_data",
            "valid": "o_valid",
            "ready": "o_ready",
            "last": "o_last",
            **_stream(graph, output, 1),
        },
        "streams": [
            {
                "instance": stage["instance"],
                "module": stage["module"],
                **_stream(graph, stage["output"], 1),
            }
            for stage in stages
        ],
        "stages": stages,
    }
    (folder / "manifest.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return folder


def write_simulation(folder: Path, mismatches: int = 0) -> None:
    """A ``simulation.json`` as `simulate` writes it."""
    document = {
        "frames": 24,
        "layers_compared": 6,
        "mismatches": mismatches,
        "cycles_per_frame": 1153.0,
        "ideal_cycles_per_frame": 1152,
        "frames_per_second": 173460.0,
        "latency_cycles": 1900,
        "accuracy": 0.75,
        "per_layer": [
            {"instance": "conv1", "mismatches": 0, "cycles_per_frame": 865.0},
            {"instance": "fc", "mismatches": mismatches, "cycles_per_frame": None},
        ],
    }
    (folder / "simulation.json").write_text(json.dumps(document), encoding="utf-8")
