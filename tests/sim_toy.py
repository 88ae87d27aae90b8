"""A build folder of two Affine stages in hand-written Verilog, in which bugs can be planted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipstick.build_folder import (
    BoardRecord,
    Manifest,
    PortRecord,
    StageRecord,
    StageStream,
    write_manifest,
)
from slipstick.graph import Affine, Graph, Input, save
from slipstick.streams import Layout

SHAPE = (2, 3, 4)
BEATS = SHAPE[1] * SHAPE[2]
LANES = SHAPE[0]


@dataclass(frozen=True)
class Plant:
    """What is wrong with the toy, as Verilog statements, or how slow it is.

    Attributes
    ----------
    clocked : in stage ``second``, at the end of its clocked block; may use ``seen``, the number
        of beats taken since reset.
    open : whether stage ``second`` may take a beat.
    period : cycles that stage ``second`` takes a beat.
    deaf : the guard at the input does not resynchronise.
    """

    clocked: str = ""
    open: str = "1"
    period: int = 1
    deaf: bool = False


def make_graph() -> Graph:
    def affine(name: str, source: str, exponents: list[list[int]], frac: int, lo: int) -> Affine:
        exponent = np.array(exponents)
        sign = np.array([[1, 1], [1, -1]])
        return Affine(name, (source,), exponent, sign, np.array([5, -9]), 1, lo, 100, frac)

    return Graph(
        (
            Input("input", (), SHAPE, 3, -128, 127),
            affine("first", "input", [[1, 2], [0, 0]], 2, -100),
            affine("second", "first", [[0, 1], [1, 0]], 1, 0),
        ),
        "second",
    )


STAGE = """module {module}(
  input clk, input rst,
  input [{iw}-1:0] i__payload, input i__valid, output i__ready,
  output [{ow}-1:0] o__payload, output o__valid, input o__ready
);
  reg [{ow}-1:0] data = 0;
  reg full = 0;
  reg [31:0] seen = 0;
  reg [7:0] waited = 0;
  assign o__payload = data;
  assign o__valid = full;
  assign i__ready = (~full | o__ready) & ({open}) & (waited == 0);
  wire [{ow}-1:0] next;
{lanes}
  always @(posedge clk) begin
    if (waited != 0) waited <= waited - 1;
    if (o__ready) full <= 0;
    if (i__valid & i__ready) begin
      data <= next;
      full <= 1;
      seen <= seen + 1;
      waited <= {period} - 1;
    end
    {clocked}
    if (rst) begin full <= 0; seen <= 0; waited <= 0; end
  end
endmodule
"""

LANE = """  wire signed [31:0] x{n} = {signed}(i__payload[{n}*{iw}+:{iw}]);
  wire signed [31:0] y{n} = (x{n} * {m} + {b} + {half}) >>> {shift};
  wire signed [31:0] z{n} = y{n} < {lo} ? {lo} : y{n} > {hi} ? {hi} : y{n};
  assign next[{n}*{ow}+:{ow}] = z{n}[{ow}-1:0];"""

TOP = """module toy(
  input clk, input rst,
  input [{iw}-1:0] i_data, input i_last, input i_valid, output i_ready,
  output [{ow}-1:0] o_data, output o_last, output o_valid, input o_ready,
  output reg error_short, output reg error_long
);
  reg [7:0] beat = 0, out = 0;
  reg filling = 0, dropping = 0;
  wire at_end = beat == {beats} - 1;
  wire a_ready;
  wire a_valid = (i_valid & ~dropping) | filling;
  assign i_ready = dropping | (a_ready & ~filling);
  always @(posedge clk) begin
    if (a_valid & a_ready) beat <= at_end ? 0 : beat + 1;
    if (i_valid & i_ready & ~dropping) begin
      if (i_last & ~at_end) begin error_short <= 1; filling <= ~{deaf}; end
      if (~i_last & at_end) begin error_long <= 1; dropping <= ~{deaf}; end
    end
    if (filling & a_ready & at_end) filling <= 0;
    if (dropping & i_valid & i_last) dropping <= 0;
    if (o_valid & o_ready) out <= o_last ? 0 : out + 1;
    if (rst) begin
      beat <= 0; out <= 0; filling <= 0; dropping <= 0; error_short <= 0; error_long <= 0;
    end
  end
  wire [{mw}-1:0] m_data; wire m_valid, m_ready;
  toy_first first(.clk(clk), .rst(rst), .i__payload(filling ? {iw}'d0 : i_data),
    .i__valid(a_valid), .i__ready(a_ready),
    .o__payload(m_data), .o__valid(m_valid), .o__ready(m_ready));
  toy_second second(.clk(clk), .rst(rst), .i__payload(m_data), .i__valid(m_valid),
    .i__ready(m_ready), .o__payload(o_data), .o__valid(o_valid), .o__ready(o_ready));
  assign o_last = out == {beats} - 1;
endmodule
"""


def _lanes(graph: Graph, name: str) -> str:
    node = graph[name]
    assert isinstance(node, Affine)
    source, target = graph.tensors[node.inputs[0]], graph.tensors[name]
    return "\n".join(
        LANE.format(
            n=n,
            m=node.multiplier[n],
            b=node.bias[n],
            half=1 << (node.shift - 1),
            shift=node.shift,
            lo=node.lo,
            hi=node.hi,
            iw=source.width,
            ow=target.width,
            signed="$signed" if source.signed else "",
        )
        for n in range(LANES)
    )


def _stage(graph: Graph, name: str, plant: Plant) -> str:
    source = graph.tensors[graph[name].inputs[0]]
    return STAGE.format(
        module=f"toy_{name}",
        iw=source.width * LANES,
        ow=graph.tensors[name].width * LANES,
        open=plant.open,
        lanes=_lanes(graph, name),
        period=plant.period,
        clocked=plant.clocked,
    )


def _verilog(graph: Graph, plant: Plant) -> dict[str, str]:
    bits = {name: tensor.width * LANES for name, tensor in graph.tensors.items()}
    return {
        "toy": TOP.format(
            iw=bits["input"], mw=bits["first"], ow=bits["second"], beats=BEATS, deaf=int(plant.deaf)
        ),
        "toy_first": _stage(graph, "first", Plant()),
        "toy_second": _stage(graph, "second", plant),
    }


def _record(graph: Graph, name: str) -> dict[str, object]:
    tensor = graph.tensors[name]
    return {
        "tensor": name,
        "shape": SHAPE,
        "width": tensor.width,
        "signed": tensor.signed,
        "frac": tensor.frac,
        "beats": Layout.natural(LANES, LANES).beats,
    }


def _port(graph: Graph, name: str, prefix: str) -> PortRecord:
    names = {end: f"{prefix}_{end}" for end in ("data", "valid", "ready", "last")}
    return PortRecord.model_validate(_record(graph, name) | names)


def _manifest(graph: Graph, plant: Plant) -> Manifest:
    def stage(name: str, source: str, cycles: int) -> StageRecord:
        return StageRecord(
            instance=name,
            module=f"toy_{name}",
            kind="affine",
            nodes=(name,),
            inputs=(source,),
            output=name,
            fold=None,
            lanes=LANES,
            cycles=cycles,
        )

    streams = tuple(
        StageStream.model_validate(
            _record(graph, name) | {"instance": name, "module": f"toy_{name}"}
        )
        for name in ("first", "second")
    )
    return Manifest(
        slipstick="0",
        top="toy",
        board=BoardRecord(name="zc706", part="xc7z045ffg900-2", clock_mhz=200, capacity={}),
        config={},
        versions={},
        hashes={},
        accuracy=None,
        saturations={},
        cycles_per_frame=BEATS * plant.period,
        input=_port(graph, "input", "i"),
        output=_port(graph, "second", "o"),
        streams=streams,
        stages=(stage("first", "input", BEATS), stage("second", "first", BEATS * plant.period)),
    )


def write_toy(folder: Path, plant: Plant = Plant(), frames: int = 20) -> Path:
    """Writes the build folder and returns it."""
    graph = make_graph()
    save(graph, folder / "graph")
    (folder / "rtl").mkdir()
    for module, text in _verilog(graph, plant).items():
        (folder / "rtl" / f"{module}.v").write_text(text, encoding="utf-8")
    images = np.random.default_rng(3).integers(-128, 128, (frames, *SHAPE), np.int32)
    np.savez_compressed(folder / "frames.npz", images=images)
    write_manifest(folder, _manifest(graph, plant))
    return folder
