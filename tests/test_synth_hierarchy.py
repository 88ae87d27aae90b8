"""Instances and equal modules, found in Verilog as Yosys writes it."""

import pytest

from slipstick.errors import SlipstickError
from slipstick.synth.hierarchy import Hierarchy, Instance

LANE = "module {0} (a, o);\n  input a;\n  output o;\n  assign o = ~a;\nendmodule\n"
TOP = """module top (a, o);
  input a; output o;
  wire \\odd.name ;
  lane_a  first (
    .a(a), .o(w)
  );
  \\lane_b  \\second.one  (
    .a(w), .o(o)
  );
  unknown third (.a(a));
endmodule
"""
BLOCK = "module {0} (a, o);\n  {1} inner (\n    .a(a),\n    .o(o)\n  );\nendmodule\n"


def _hierarchy() -> Hierarchy:
    sources = {name: LANE.format(name) for name in ("lane_a", "lane_b")}
    sources |= {"block_a": BLOCK.format("block_a", "lane_a")}
    sources |= {"block_b": BLOCK.format("block_b", "lane_b")}
    sources |= {"other": LANE.format("other").replace("~", ""), "top": TOP}
    return Hierarchy(sources)


def test_instances_in_order_without_escapes() -> None:
    assert _hierarchy().children["top"] == (
        Instance("first", "lane_a"),
        Instance("second.one", "lane_b"),
    )


def test_closure_and_text() -> None:
    hierarchy = _hierarchy()
    assert hierarchy.closure("block_a") == ("block_a", "lane_a")
    assert hierarchy.verilog("block_a").count("endmodule") == 2


def test_equal_but_for_names_is_equal_at_every_depth() -> None:
    hierarchy = _hierarchy()
    assert hierarchy.fingerprint("lane_a") == hierarchy.fingerprint("lane_b")
    assert hierarchy.fingerprint("block_a") == hierarchy.fingerprint("block_b")
    assert hierarchy.fingerprint("lane_a") != hierarchy.fingerprint("other")
    assert hierarchy.fingerprint("block_a") != hierarchy.fingerprint("lane_a")


def test_missing_module() -> None:
    with pytest.raises(SlipstickError, match=r"File 'rtl/nope\.v': is missing"):
        _hierarchy().require("nope")
