"""A project's Verilog: known to Yosys, linted, and run with a stand-in for the processor."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from system_networks import Handful, compiled

from slipstick.boards import board
from slipstick.build import compile as compile_model
from slipstick.errors import SlipstickError
from slipstick.project import write_project
from slipstick.sim.tools import verilator_root

PS7 = Path(__file__).with_name("ps7.sv")
YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""
CELLS = "read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v"
TOPS = ("zynq_top", "slipstick_ip", "slipstick_axis")
# Ports of the processor that nothing uses, signals of ours that nothing reads, a reset that other
# clock domains take asynchronously, and `interrupt`, which means something to some C compilers.
HARMLESS = {"PINMISSING", "UNUSEDSIGNAL", "SYNCASYNCNET", "SYMRSVDWORD"}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return compiled(Handful, tmp_path_factory.mktemp("network") / "handful")


@pytest.fixture(scope="module")
def projects(network, tmp_path_factory):
    """Two clocks and an LED; one clock and no LED."""
    root = tmp_path_factory.mktemp("projects")
    names = ("zc706", "microzed-7020")
    return {name: write_project(network, board(name), root / name) for name in names}


def yosys(project, *commands):
    done = subprocess.run(
        [sys.executable, "-c", YOSYS, *commands],
        cwd=project / "rtl",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    ("name", "top"), [*(("zc706", top) for top in TOPS), ("microzed-7020", "zynq_top")]
)
def test_all_parts_fit_together(projects, name, top):
    yosys(
        projects[name],
        "read_verilog -sv *.v",
        CELLS,
        f"hierarchy -check -top {top}",
        "proc",
        "select -assert-none t:$mul t:$dlatch t:$adlatch",
        f"select -assert-count {int(top == 'zynq_top')} t:PS7",
        "check -assert",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zc706", "microzed-7020"])
def test_synthesis_finds_no_multiplier_and_no_latch(projects, name):
    yosys(
        projects[name],
        "read_verilog -sv *.v",
        "synth_xilinx -family xc7 -top zynq_top -flatten",
        "select -assert-none t:DSP48* t:LD?E",
        "select -assert-count 1 t:PS7",
        f"select -assert-count {2 if name == 'zc706' else 1} t:BUFG",
    )


@pytest.mark.slow
def test_synthesis_of_a_shipped_network(root, tmp_path):
    build = compile_model(
        root / "examples/checkpoints/shiftaddnet.pt2",
        output=tmp_path / "build",
        calibrate=root / "examples/data/fashion_mnist_calibration.npz",
    )
    yosys(
        write_project(build.folder, board("zc706"), tmp_path / "project"),
        "read_verilog -sv *.v",
        "synth_xilinx -family xc7 -top zynq_top -flatten",
        "select -assert-none t:DSP48* t:LD?E",
        "select -assert-count 1 t:PS7",
    )


@pytest.mark.parametrize("top", ["slipstick_ip", "slipstick_axis"])
def test_tops_of_ip_cores_are_plain_verilog_wires(projects, top):
    text = (projects["zc706"] / "rtl" / f"{top}.v").read_text()
    assert "always" not in text
    yosys(projects["zc706"], f"read_verilog {top}.v")


@pytest.mark.parametrize(
    "top", [TOPS[0], *(pytest.param(top, marks=pytest.mark.slow) for top in TOPS[1:])]
)
def test_lint(projects, tmp_path, top):
    assert complaints(projects["zc706"], top, tmp_path) <= HARMLESS


def test_lint_knows_the_processors_ports(projects, tmp_path):
    copy = Path(shutil.copytree(projects["zc706"], tmp_path / "copy"))
    path = copy / "rtl" / "zynq_top.v"
    text = path.read_text()
    path.write_text(text.replace(".SAXIHP0AWID(6'h00)", ".SAXIHP0AWID(1'h0)"))
    assert complaints(copy, "zynq_top", tmp_path) - HARMLESS == {"WIDTHEXPAND"}


def complaints(project, top, folder):
    """Kinds of what Verilator says of the file of ``top``, with Xilinx's ports of the processor."""
    cells = Path(sys.prefix).glob("lib/python*/site-packages/pyosys/share/xilinx/cells_xtra.v")
    library = next(cells).read_text()
    stub = re.search(r"^module PS7.*?^endmodule", library, re.MULTILINE | re.DOTALL)[0]
    (folder / "ps7.v").write_text(stub + "\nmodule BUFG(output O, input I);\nendmodule\n")
    command = ("verilator", "--lint-only", "-Wall", "-Wno-fatal", "--top-module", top)
    said = verilator(*command, *sorted((project / "rtl").glob("*.v")), folder / "ps7.v")
    return set(re.findall(rf"^%(?:Warning|Error)-?(\w*): \S*/rtl/{top}\.v:", said, re.MULTILINE))


def verilator(*command, folder=None):
    environment = {name: os.environ[name] for name in os.environ if name != "VERILATOR_ROOT"}
    environment["PATH"] = f"{verilator_root() / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ["zc706", pytest.param("microzed-7020", marks=pytest.mark.slow)])
def test_the_processor_runs_a_frame(projects, tmp_path, name):
    project = projects[name]
    sources = [path for path in sorted((project / "rtl").glob("*.v")) if path.stem not in TOPS[1:]]
    # What the pip package was not configured with, as in sim/compile.py, and no optimisation.
    make = f"CFG_CXXFLAGS_PCH_I=-include PYTHON3={sys.executable} OPT_FAST=-O0 OPT_SLOW=-O0"
    verilator(
        *("verilator", "--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-Wno-TIMESCALEMOD"),
        *("--top-module", "bench", "--output-split", "200000", "--x-initial", "unique"),
        *("-CFLAGS", "-std=gnu++20 -fcoroutines", "-MAKEFLAGS", f"{make} OPT_GLOBAL=-O0"),
        *("--Mdir", "obj", *sources, PS7),
        folder=tmp_path,
    )
    model = json.loads((project / "firmware" / "slipstick_model.json").read_text())
    frame, result = (bytes.fromhex(model[f"selftest_{kind}"]) for kind in ("frame", "result"))
    (tmp_path / "frame").write_text(" ".join(f"{byte:02x}" for byte in frame))
    for source, destination in ((3, 4099), (0, 8192), (4093, 517)):
        done = subprocess.run(
            [
                tmp_path / "obj" / "Vbench",
                "+verilator+rand+reset+2",
                "+frame=frame",
                f"+source={source}",
                f"+destination={destination}",
                f"+length={len(frame)}",
                f"+result={len(result)}",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        # Nothing beside the result was written.
        untouched = "5a" * 8
        assert f"RESULT {untouched}{result.hex()}{untouched}\n" in done.stdout


def test_modules_named_as_ours_are_refused(network, tmp_path):
    copy = Path(shutil.copytree(network, tmp_path / "copy"))
    shutil.copy(copy / "rtl" / "handful.v", copy / "rtl" / "zynq_top_bridge.v")
    with pytest.raises(SlipstickError, match=r"as one around it \(zynq_top_bridge\); compile it"):
        write_project(copy, board("zc706"))
    assert not list(copy.glob("*project-*"))


def test_a_build_without_its_top_is_refused(network, tmp_path):
    copy = Path(shutil.copytree(network, tmp_path / "copy"))
    (copy / "rtl" / "handful.v").unlink()
    with pytest.raises(SlipstickError, match=r"handful\.v': is missing; compile the model again"):
        write_project(copy, board("zc706"))
    assert not list(copy.glob("*project-*"))


def test_synchronisers_are_named_as_the_constraints_expect(projects):
    def named(name):
        texts = {path.stem: path.read_text() for path in (projects[name] / "rtl").glob("*.v")}
        pairs = [[f"stage{n}" for n in (0, 1) if f" stage{n} <= " in t] for t in texts.values()]
        found = {stem for stem, pair in zip(texts, pairs, strict=True) if pair}
        assert all(pair in ([], ["stage0", "stage1"]) for pair in pairs)
        return found

    assert named("microzed-7020") == {"zynq_top_reset"}
    crossing = named("zc706") - {"zynq_top_reset"}
    assert len(crossing) > 10
    assert all(stem.startswith("slipstick_system_core") for stem in crossing)


@pytest.mark.slow
def test_same_build_same_project(network, projects, tmp_path):
    again = write_project(network, board("zc706"), tmp_path / "again")
    assert contents(again) == contents(projects["zc706"])


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}
