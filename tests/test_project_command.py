"""The commands ``build`` for a Zynq board, and ``boards``; Vivado is a recorder of its commands."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from command_line import refused

from slipstick.boards import board
from slipstick.errors import SlipstickError
from slipstick.project import find_vivado, run_vivado
from slipstick.project.target import require_room

RECORDER = Path(__file__).with_name("vivado.tcl")
NO_PROCESSOR = """
name = "bare"
title = "Bare"
part = "xc7a35tcpg236-1"
family = "xc7"
clock_mhz = 100
[capacity]
lut = 20800
ff = 41600
bram36 = 50
dsp = 90
lutram = 9600
"""
# Shell commands that leave what a good run of Vivado does.
JUDGED = (
    "mkdir output; R=output/utilisation.rpt; "
    'echo \'{"wns": 1, "whs": 1, "latches": 0}\' > output/result.json'
)
REPORT = (
    r"printf '| Slice LUTs* | 5 |\n| Slice Registers | 6 |\n| Block RAM Tile | 0.5 |\n"
    r"| DSPs | 0 |\n' > $R"
)


@pytest.fixture(autouse=True)
def no_vivado(monkeypatch, tmp_path):
    """A path without Vivado, whatever this machine has."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    if shutil.which("vivado"):
        pytest.skip("Vivado is installed where nothing else may be")


def program(tmp_path, text):
    path = tmp_path / "bin" / "vivado"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def vivado(tmp_path, monkeypatch):
    if shutil.which("tclsh") is None:
        pytest.skip("tclsh is not installed")
    monkeypatch.setenv("RECORD", str(tmp_path / "calls"))
    program(tmp_path, f'exec tclsh "{RECORDER}" "$@"')


def test_without_vivado_the_command_is_printed(cli, toy, tmp_path):
    output = tmp_path / "with a space"
    done = cli("build", toy, "--board", "zedboard", "-o", output)
    assert (done.code, done.err) == (0, "")
    assert "none: Vivado is not on the path" in done.out
    assert "vivado -mode batch -source build.tcl" in done.out
    assert "set part xc7z020clg484-1" in (output / "settings.tcl").read_text()
    assert "not by Vivado" in (output / "README.txt").read_text()
    # Made once, and not overwritten.
    again = cli("build", toy, "--board", "zedboard", "-o", output)
    assert again.code == 2
    assert "with a space': is not empty; choose another -o or remove it" in again.err


def test_vivado_is_run(cli, toy, tmp_path, vivado):
    # The board that the build was compiled for.
    done = cli("build", toy, "-o", tmp_path / "out", "--json")
    result = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (result["board"], result["part"]) == ("zc706", "xc7z045ffg900-2")
    assert result["ok"] is True
    assert result["bitstream"] == str(tmp_path / "out/output/zynq_top.bit")
    assert result["used"] == {"lut": 12345, "ff": 23456, "bram36": 17.5, "dsp": 0}
    assert (result["setup_slack_ns"], result["hold_slack_ns"]) == (0.512, 0.031)
    assert (tmp_path / "out/vivado.log").exists()
    assert (tmp_path / "calls").read_text().startswith('["create_project", "-in_memory"')


def test_missed_timing_is_a_failed_check(cli, toy, tmp_path, vivado, monkeypatch):
    monkeypatch.setenv("SETUP_SLACK", "-0.3")
    copy = Path(shutil.copytree(toy, tmp_path / "copy"))
    done = cli("build", copy, "--board", "pynq-z2")
    assert done.code == 1
    assert "12,345 lut, 23,456 ff, 17.5 bram36, 0 dsp, 0 latches" in done.out
    assert "setup -0.300 ns, hold +0.031 ns" in done.out
    assert "none: see what is wrong in vivado.log" in done.out
    log = copy / "project-pynq-z2" / "vivado.log"
    assert "ERROR: timing is not met" in log.read_text()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('echo "ERROR: [Common 17-345] no license"; exit 7', "with code 7: ERROR: [Common 17"),
        ("exit 0", "Vivado: stopped with code 0; see"),
        ("mkdir output; echo '{}' > output/result.json", "left a result that cannot be read"),
        (f"{JUDGED}; echo '| Slice LUTs | 5 |' > $R", "cannot be read ('Slice Registers')"),
        (f"{JUDGED}; {REPORT}; touch output/zynq_top.bit; exit 3", "stopped with code 3; see"),
    ],
)
def test_a_broken_run_is_an_error(tmp_path, text, complaint):
    program(tmp_path, text)
    with pytest.raises(SlipstickError, match=re.escape(complaint)):
        run_vivado(find_vivado(), tmp_path)


def test_what_an_earlier_run_left_is_not_read(tmp_path):
    program(tmp_path, f"{JUDGED}; {REPORT}; touch output/zynq_top.bit")
    assert run_vivado(find_vivado(), tmp_path).ok
    program(tmp_path, f"{JUDGED}; {REPORT}")
    assert not run_vivado(find_vivado(), tmp_path).ok
    program(tmp_path, "exit 1")
    with pytest.raises(SlipstickError, match="stopped with code 1"):
        run_vivado(find_vivado(), tmp_path)


def test_a_board_without_a_processor(cli, toy, tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(NO_PROCESSOR)
    error = refused(cli, tmp_path, "build", toy, "--board", path, "-o", tmp_path / "out")
    assert "Board 'bare': has no processor that a system core could serve" in error


def counted(toy, tmp_path, **counts):
    copy = Path(shutil.copytree(toy, tmp_path / "copy"))
    size = {"lut_sites": 1000, "lutram": 10, "ff": 500, "bram36": 2.5, **counts}
    (copy / "synthesis.json").write_text(json.dumps(size))
    return copy


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ({"lut_sites": 53190, "lutram": 11}, "takes 53,201 LUT sites, and xc7z020clg400-1 of"),
        ({"lutram": 17401}, "takes 17,401 LUTs as memory"),
        ({"ff": 106401}, "takes 106,401 flip-flops"),
        ({"bram36": 140.5}, "takes 140.5 block RAMs, and xc7z020clg400-1 of board 'pynq-z2' has"),
        ({"ff": "many"}, "synthesis.json': cannot be read"),
    ],
)
def test_a_build_that_is_too_large(cli, toy, tmp_path, counts, complaint):
    copy = counted(toy, tmp_path, **counts)
    assert complaint in refused(cli, tmp_path, "build", copy, "--board", "pynq-z2")


def test_a_build_that_just_fits(toy, tmp_path):
    require_room(counted(toy, tmp_path, lut_sites=53190, ff=106400, bram36=140), board("pynq-z2"))


def test_wrong_arguments(cli, toy, tmp_path):
    error = refused(cli, tmp_path, "build", tmp_path / "none", "--board", "zc706")
    assert "holds no manifest.json; give a folder that compile made" in error
    error = refused(cli, tmp_path, "build", toy, "--board", "zc707", "-o", tmp_path / "deep/out")
    assert "Board 'zc707': is not one of" in error


def test_boards_are_listed(cli):
    done = cli("boards")
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith("zybo-z7-20"))
    assert "Digilent Zybo Z7-20" in line
    assert "100 MHz" in line
    found = {board["name"]: board for board in json.loads(cli("boards", "--json").out)["boards"]}
    assert found["zc706"]["zynq"]["led"] == {"ball": "Y21", "io": "LVCMOS25"}


def test_own_board_is_checked(cli, tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(NO_PROCESSOR)
    done = cli("boards", path)
    assert done.code == 0
    assert "none: only counted" in done.out
    path.write_text(NO_PROCESSOR.replace("ff = 41600", "ff = 0"))
    error = refused(cli, tmp_path, "boards", path)
    assert "key 'capacity.ff': input should be greater than 0, not 0" in error
