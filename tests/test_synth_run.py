"""Whole runs of Yosys on a build folder: counts, the gate, failures, and no rubbish left."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from synthetic_build import TOY, Names, write_build

from slipstick.errors import SlipstickError
from slipstick.synth import SynthesisResult, require_no_multipliers, synthesise
from slipstick.synth.hierarchy import Hierarchy
from slipstick.synth.processes import Task, _result, run_tasks

MEMORY = """module {0}(clk, i__payload, i__valid, i__ready, o__payload, o__valid, o__ready);
  input clk; input [7:0] i__payload; input i__valid; output i__ready;
  output reg [7:0] o__payload; output reg o__valid; input o__ready;
  (* ram_style = "block" *) reg [7:0] rows[0:4095]; reg [11:0] at;
  assign i__ready = o__ready;
  always @(posedge clk) begin
    if (i__valid) rows[at] <= i__payload;
    o__payload <= rows[{{at[10:0], 1'b0}}]; at <= at + 12'd1; o__valid <= i__valid;
  end
endmodule
"""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SynthesisResult, list[str]]:
    folder = write_build(tmp_path_factory.mktemp("clean") / "build")
    (folder / "rtl" / "tinynet_pool.v").write_text(MEMORY.format("tinynet_pool"))
    seen: list[str] = []
    result = synthesise(folder, jobs=2, progress=lambda done, of, name: seen.append(f"{done}/{of}"))
    return folder, result, seen


def test_a_row_an_instance_and_the_glue(clean: tuple[Path, SynthesisResult, list[str]]) -> None:
    rows = {row.instance: row for row in clean[1].per_layer}
    assert list(rows)[-1] == "tinynet"
    kinds = {name: row.kind for name, row in rows.items()}
    assert kinds["conv1"] == "shift"
    assert kinds["fork_conv1"] == kinds["fifo_conv1"] == "stream plumbing"
    assert kinds["tinynet"] == "glue"
    assert rows["conv1"].module == "tinynet_conv1"


def test_counts(clean: tuple[Path, SynthesisResult, list[str]]) -> None:
    rows = {row.instance: row.resources for row in clean[1].per_layer}
    toy = rows["conv1"]
    # Eight bits of sum, nine of output register, a 32-word RAM of eight bits in eight LUTs.
    assert (toy.dsp, toy.multipliers, toy.bram36) == (0, 0, 0)
    assert toy.lut_sites >= 8
    assert toy.ff >= 9
    assert toy.lutram in (4, 8)
    assert rows["pool"].bram36 == 1.0
    assert rows["fork_conv1"] == toy
    assert clean[1].total.ff == sum(row.ff for row in rows.values())
    assert all(row.path_ps > 0 for row in clean[1].per_layer if row.kind != "glue")


def test_equal_modules_run_once(clean: tuple[Path, SynthesisResult, list[str]]) -> None:
    assert clean[2] == ["1/3", "2/3", "3/3"]


def test_json_file(clean: tuple[Path, SynthesisResult, list[str]]) -> None:
    folder, result, _ = clean
    document = json.loads((folder / "synthesis.json").read_text())
    assert document == result.to_json()
    assert document["utilisation"]["bram36"] == round(1 / 545, 6)
    assert document["versions"]["yosys"].startswith("0.")
    assert str(folder) not in json.dumps(document)
    assert not list(folder.glob("*partial*"))


def test_multiplier_is_found(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build", expression="i__payload * old")
    result = synthesise(folder)
    assert result.total.multipliers == 8
    with pytest.raises(SlipstickError, match=r"has 8 multipliers, in 'conv1' \(1\)"):
        require_no_multipliers(result)


def test_multipliers_in_slices_and_in_luts_but_no_power_of_two(tmp_path: Path) -> None:
    wide = TOY.replace("[7:0]", "[17:0]").format(module="wide", expression="i__payload * old")
    sources = {
        "wide": wide,
        "odd": TOY.format(module="odd", expression="old * 8'd11"),
        "even": TOY.format(module="even", expression="old * 8'd16"),
    }
    found = {
        task.module: result["resources"]
        for task, result in run_tasks(Hierarchy(sources), [Task(name) for name in sources], 2)
    }
    # Too small for a DSP slice: only the count before mapping sees it.
    assert (found["odd"]["multipliers"], found["odd"]["dsp"]) == (1, 0)
    assert found["even"]["multipliers"] == 0
    assert found["wide"]["multipliers"] == found["wide"]["dsp"] > 0


def test_what_keeps_its_border_is_counted() -> None:
    inner = "module odd(input [7:0] a, output [7:0] y);\n  assign y = a * 8'd11;\nendmodule\n"
    outer = (
        "module outer(input clk, input [7:0] a, output reg [7:0] y);\n  wire [7:0] product;\n"
        "  odd inside (.a(a), .y(product));\n  always @(posedge clk) y <= product;\nendmodule\n"
    )
    sources = {"odd": f'(* keep_hierarchy = "yes" *)\n{inner}', "outer": outer}
    ((_, result),) = run_tasks(Hierarchy(sources), [Task("outer")], 1)
    assert result["resources"]["multipliers"] == 1
    assert result["resources"]["lut"] > 0
    assert result["resources"]["ff"] == 8


def many_reads(ports: int) -> str:
    """A line buffer as an engine with many taps has it."""
    names = range(ports)
    pins = "".join(f", input [7:0] a{n}, output reg [15:0] q{n}" for n in names)
    reads = "".join(f"    q{n} <= rows[a{n}];\n" for n in names)
    return (
        f"module reader(input clk, we, input [7:0] wa, input [15:0] wd{pins});\n"
        '  (* ram_style = "block" *) reg [15:0] rows[255:0];\n'
        f"  always @(posedge clk) begin\n    if (we) rows[wa] <= wd;\n{reads}  end\nendmodule\n"
    )


@pytest.mark.parametrize("ports", [4, 25])
def test_memories_with_many_read_ports(ports: int) -> None:
    hierarchy = Hierarchy({"reader": many_reads(ports)})
    ((_, result),) = run_tasks(hierarchy, [Task("reader")], 1)
    assert result["resources"]["bram36"] == ports / 2
    assert result["resources"]["lutram"] == 0


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_broken_verilog_shows_yosys_words(tmp_path: Path, scratch: Path) -> None:
    folder = write_build(tmp_path / "build", Names())
    (folder / "rtl" / "tinynet_fc.v").write_text("module tinynet_fc(clk);\n  nonsense!\n")
    with pytest.raises(SlipstickError, match=r"Module 'tinynet_fc': Yosys stopped.*syntax error"):
        synthesise(folder)
    assert not list(scratch.iterdir())
    assert not (folder / "synthesis.json").exists()


def test_child_that_was_not_found_is_refused(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    (folder / "rtl" / "tinynet_fifo.v").unlink()
    with pytest.raises(SlipstickError, match=r"Module 'tinynet': Yosys stopped.*tinynet_fifo"):
        synthesise(folder)


def test_missing_top_and_no_build_folder(tmp_path: Path) -> None:
    with pytest.raises(SlipstickError, match=r"holds no manifest\.json"):
        synthesise(tmp_path)
    folder = write_build(tmp_path / "build")
    (folder / "rtl" / "tinynet.v").unlink()
    with pytest.raises(SlipstickError, match=r"File 'rtl/tinynet\.v': is missing"):
        synthesise(folder)


def test_interrupt_ends_the_workers_and_removes_their_files(tmp_path: Path, scratch: Path) -> None:
    folder = write_build(tmp_path / "build")

    def interrupt(done: int, of: int, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(folder, jobs=2, progress=interrupt)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_must_be_positive(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(ValueError, match=f"Jobs must be a positive integer, not {jobs}"):
        synthesise(tmp_path, jobs=jobs)


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "killed by the system.*use fewer jobs"), (-15, "code -15")]
)
def test_worker_that_was_killed(tmp_path: Path, code: int, words: str) -> None:
    (tmp_path / "log").write_text("Executing ABC9 pass\n")
    process = subprocess.Popen(["sh", "-c", f"kill {code} $$"])
    process.wait()
    with pytest.raises(SlipstickError, match=rf"Module 'big': Yosys .*{words}"):
        _result(Task("big"), process, tmp_path)
