"""A project's scripts, run by Tcl against a recorder of Vivado's commands: not by Vivado."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from slipstick.boards import board
from slipstick.project import write_project
from slipstick.project.write import tcl_word

RECORDER = Path(__file__).with_name("vivado.tcl")
AWKWARD = "with a space, $dollar [bracket] {brace"

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")


@pytest.fixture(scope="module")
def projects(toy, tmp_path_factory):
    """A project for two clocks, one for a single clock, in folders with awkward names."""
    root = tmp_path_factory.mktemp("projects") / AWKWARD
    return {name: write_project(toy, board(name), root / name) for name in BOARDS}


BOARDS = ("zc706", "microzed-7020")


class Recorded:
    def __init__(self, done, calls):
        self.code, self.output, self.calls = done.returncode, done.stdout, calls

    def names(self):
        return [name for name, *_ in self.calls]

    def of(self, name):
        return [arguments for called, *arguments in self.calls if called == name]

    def values(self, name):
        """Options of the only call of ``name``."""
        (arguments,) = self.of(name)
        return dict(zip(arguments, [*arguments[1:], ""], strict=True))


def run(project, script, record, **settings):
    record.unlink(missing_ok=True)
    done = subprocess.run(
        ["tclsh", RECORDER, "-mode", "batch", "-source", project / script],
        cwd=record.parent,
        env={**os.environ, "RECORD": str(record), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    return Recorded(done, [json.loads(line) for line in lines])


@pytest.fixture
def clean(projects):
    """The projects without what scripts made of them before."""
    for project in projects.values():
        for made in ("output", "ip", "vivado"):
            shutil.rmtree(project / made, ignore_errors=True)
    return projects


@pytest.mark.parametrize("name", BOARDS)
def test_build_goes_from_sources_to_a_bitstream(clean, tmp_path, name):
    project, target = clean[name], board(name)
    recorded = run(project, "build.tcl", tmp_path / "calls")
    assert recorded.code == 0, recorded.output
    steps = "read_verilog read_xdc synth_design opt_design place_design phys_opt_design".split()
    steps += "route_design report_timing_summary get_timing_paths write_bitstream".split()
    firsts = [recorded.names().index(step) for step in steps]
    assert firsts == sorted(firsts)
    assert recorded.values("create_project")["-part"] == target.part
    assert recorded.values("synth_design")["-part"] == target.part
    assert recorded.values("synth_design")["-max_dsp"] == "0"
    clocks = {call[1]: float(call[3]) for call in recorded.of("create_clock")}
    expected = {"bus": 10.0}
    if target.clock_mhz != target.zynq.bus_mhz:
        expected["core"] = 1000 / target.clock_mhz
    assert clocks == expected
    crossings = {(call[2], call[4], float(call[5])) for call in recorded.of("set_max_delay")}
    both = {("bus", "core", 5.0), ("core", "bus", 5.0)} if "core" in expected else set()
    assert crossings == both
    assert ["ASYNC_REG", "TRUE", "stage0_reg stage1_reg"] in recorded.of("set_property")
    reports = {"timing", "utilisation", "utilisation_by_module", "power", "drc"}
    assert {path.stem for path in (project / "output").glob("*.rpt")} == reports


def test_every_module_is_read_once(clean, tmp_path):
    project = clean["zc706"]
    recorded = run(project, "build.tcl", tmp_path / "calls")
    text = " ".join(call[1] for call in recorded.of("read_verilog"))
    read = re.findall(r"/(\w+\.v)", text)
    wrappers = {"slipstick_ip.v", "slipstick_axis.v"}
    assert sorted(read) == sorted({path.name for path in (project / "rtl").iterdir()} - wrappers)


def test_the_led_is_where_the_board_has_it(clean, tmp_path):
    recorded = run(clean["zc706"], "build.tcl", tmp_path / "calls")
    assert ["-dict", "PACKAGE_PIN Y21 IOSTANDARD LVCMOS25", "led"] in recorded.of("set_property")
    recorded = run(clean["microzed-7020"], "build.tcl", tmp_path / "calls")
    assert recorded.of("get_ports") == []


def test_bin_is_the_bit_without_header_and_swapped(clean, tmp_path):
    project = clean["microzed-7020"]
    assert run(project, "build.tcl", tmp_path / "calls").code == 0
    bit = (project / "output/zynq_top.bit").read_bytes()
    assert bit.endswith(bytes.fromhex("ffffffffaa99556601020304"))
    # Linux's zynq-fpga looks for the sync word with its bytes reversed.
    swapped = bytes.fromhex("ffffffff665599aa04030201")
    assert (project / "output/zynq_top.bin").read_bytes() == swapped


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SETUP_SLACK": "-0.2"}, "timing is not met: wns is -0.2 ns"),
        ({"HOLD_SLACK": "-0.001"}, "timing is not met: whs is -0.001 ns"),
        ({"DSPS": "3"}, "the design has 3 dsp, and must have none"),
        ({"LATCHES": "1"}, "the design has 1 latches, and must have none"),
        ({"UNCONSTRAINED": "1"}, "no path has a setup time: the clocks are not constrained"),
    ],
)
def test_no_bitstream_of_a_bad_design(clean, tmp_path, settings, message):
    for script in ("build.tcl", "block_design.tcl"):
        recorded = run(clean["microzed-7020"], script, tmp_path / "calls", **settings)
        assert recorded.code == 1
        assert f"ERROR: {message}" in recorded.output
        assert recorded.of("write_bitstream") == recorded.of("write_hw_platform") == []


def test_ip_cores(clean, tmp_path):
    project = clean["zc706"]
    recorded = run(project, "package_ip.tcl", tmp_path / "calls")
    assert recorded.code == 0, recorded.output
    for core in ("slipstick_ip", "slipstick_axis"):
        assert (project / "ip" / core / "component.xml").exists()
    pairs = [dict(zip(a[::2], a[1::2], strict=False)) for a in associations(recorded)]
    assert pairs == [
        {"-busif": "s_axi", "-clock": "aclk"},
        {"-busif": "m_axi", "-clock": "aclk"},
        {"-clock": "aclk", "-reset": "aresetn"},
        {"-busif": "s_axis", "-clock": "aclk"},
        {"-busif": "m_axis", "-clock": "aclk"},
        {"-clock": "aclk", "-reset": "aresetn"},
    ]
    assert ["value", "LEVEL_HIGH", "interrupt,SENSITIVITY"] in recorded.of("set_property")
    inferred = [call[0] for call in recorded.of("ipx::infer_bus_interface")]
    assert inferred == ["core_clk", "interrupt"]


def associations(recorded):
    return [call[:-1] for call in recorded.of("ipx::associate_bus_interfaces")]


@pytest.mark.parametrize("name", BOARDS)
def test_block_design(clean, tmp_path, name):
    project, target = clean[name], board(name)
    recorded = run(project, "block_design.tcl", tmp_path / "calls")
    assert recorded.code == 0, recorded.output
    (settings,) = [c[1] for c in recorded.of("set_property") if "PCW_USE_M_AXI_GP0" in c[1]]
    words = settings.split()
    configured = dict(zip(words[::2], words[1::2], strict=True))
    assert configured["CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"] == "100"
    two = target.clock_mhz != target.zynq.bus_mhz
    clock = configured.get("CONFIG.PCW_FPGA1_PERIPHERAL_FREQMHZ")
    assert clock == (f"{target.clock_mhz:g}" if two else None)
    assert ["board_part", target.zynq.board_part, "project"] in recorded.of("set_property")
    address = ["-offset", "0x43C00000", "-range", "64K", "slipstick/s_axi/reg0"]
    assert address in recorded.of("assign_bd_address")
    late = [call[0] for call in recorded.of("set_property")].count("used_in_synthesis")
    assert late == len(recorded.of("set_max_delay")) / 2 == int(two)
    made = {path.name for path in (project / "output").glob("system.*")}
    assert made == {"system.bit", "system.bin", "system.hwh", "system.xsa"}
    # A second time with the cores that are there.
    again = run(project, "block_design.tcl", tmp_path / "calls")
    assert again.code == 0, again.output
    assert again.of("ipx::package_project") == []


def test_block_design_without_board_files(clean, tmp_path):
    recorded = run(clean["zc706"], "block_design.tcl", tmp_path / "calls", BOARD_FILES="0")
    assert recorded.code == 0, recorded.output
    assert "WARNING: this Vivado has no board files for 'xilinx.com:zc706:part0:1.4'" in (
        recorded.output
    )
    (settings,) = [c[1] for c in recorded.of("set_property") if "PCW_USE_M_AXI_GP0" in c[1]]
    assert "CONFIG.PCW_CRYSTAL_PERIPHERAL_FREQMHZ 33.333333" in settings
    assert "apply_board_preset 0" in recorded.values("apply_bd_automation")["-config"]


def test_block_design_tells_of_a_failed_run(clean, tmp_path):
    recorded = run(clean["microzed-7020"], "block_design.tcl", tmp_path / "calls", RUN_FAILS="1")
    assert recorded.code == 1
    assert "ERROR: the run impl_1 failed: route_design ERROR" in recorded.output


def test_older_vivado_keeps_the_hwh_elsewhere(clean, tmp_path):
    project = clean["microzed-7020"]
    recorded = run(project, "block_design.tcl", tmp_path / "calls", HWH_IN="system.srcs")
    assert recorded.code == 0, recorded.output
    assert (project / "output/system.hwh").exists()


@pytest.mark.parametrize(
    ("script", "change", "message"),
    [
        ("build.tcl", ("-max_dsp 0", "-max_dps 0"), "synth_design: unknown option '-max_dps'"),
        ("build.tcl", ("opt_design\nplace_design", "opt_design"), "comes after place_design, not"),
        ("settings.tcl", ("rtl/zynq_top.v", "rtl/zynq_up.v"), "zynq_up.v' does not exist"),
        ("zynq_top.xdc", ("FCLKCLK[0]", "FCLK[0]"), "no pin 'ps/FCLK[0]'"),
        ("build.tcl", ("route_design\n", "route\n"), 'invalid command name "route"'),
    ],
)
def test_the_recorder_finds_mistakes(clean, tmp_path, script, change, message):
    project = Path(shutil.copytree(clean["zc706"], tmp_path / "copy"))
    text = (project / script).read_text(encoding="utf-8")
    assert change[0] in text
    (project / script).write_text(text.replace(*change), encoding="utf-8")
    recorded = run(project, "build.tcl", tmp_path / "calls")
    assert recorded.code == 1
    assert message in recorded.output


def test_the_recorder_finds_what_is_not_connected(clean, tmp_path):
    project = Path(shutil.copytree(clean["zc706"], tmp_path / "copy"))
    script = project / "block_design.tcl"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("    slipstick/interrupt ps/IRQ_F2P\n", ""), encoding="utf-8")
    recorded = run(project, "block_design.tcl", tmp_path / "calls")
    assert recorded.code == 1
    assert "not connected: ps/IRQ_F2P" in recorded.output


@pytest.mark.parametrize("text", ["", "a b", "$x [exec ls] {", "}", '"\\\n\t;#', "é€"])
def test_words_of_tcl(text):
    program = f"set word {tcl_word(text)}\nset list {{{tcl_word(text)}}}\n"
    program += "fconfigure stdout -encoding utf-8\nputs -nonewline $word\\0[lindex $list 0]\\0"
    program += "[llength $list]"
    done = subprocess.run(["tclsh"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout.split("\0") == [text, text, "1"]
