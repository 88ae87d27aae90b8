"""Contents of memories in files: what is moved, what is left, and that the counts stay."""

from slipstick.synth.contents import move_contents
from slipstick.synth.hierarchy import Hierarchy
from slipstick.synth.processes import Task, run_tasks

ROM = """module rom(clk, at, o);
  input clk; input [5:0] at; output reg [11:0] o;
  reg [11:0] \\table [63:0];
  initial begin
{lines}  end
  always @(posedge clk) o <= \\table [at];
endmodule
"""
WORDS = [n * n * 7919 % 4096 for n in range(64)]
LINES = [f"    \\table [{n}] = 12'h{word:03x};\n" for n, word in enumerate(WORDS)]


def test_a_whole_memory_moves(tmp_path):
    moved = move_contents(ROM.format(lines="".join(LINES)), tmp_path)
    assert '  initial $readmemh("contents0.hex", \\table );\n' in moved
    assert [int(line, 16) for line in (tmp_path / "contents0.hex").read_text().split()] == WORDS


def test_anything_else_stays(tmp_path):
    for lines in (
        LINES[1:],
        LINES[:5] + LINES[6:],
        [LINES[1], LINES[0]],
        ["    \\table [0] = 12'h001;\n", "    other[1] = 12'h001;\n"],
        ["    \\table [0] = some_signal;\n"],
        ["    flag = 1'h0;\n"],
    ):
        text = ROM.format(lines="".join(lines))
        assert move_contents(text, tmp_path) == text
    assert not list(tmp_path.iterdir())


def test_counts_are_those_of_the_text():
    moved = ROM.format(lines="".join(LINES)).replace("rom", "moved")
    # A comment makes the block one that is left in the text.
    kept = ROM.format(lines="    // kept\n" + "".join(LINES)).replace("rom", "kept")
    hierarchy = Hierarchy({"moved": moved, "kept": kept})
    found = {
        task.module: result["resources"]
        for task, result in run_tasks(hierarchy, [Task("moved"), Task("kept")], 2)
    }
    assert found["moved"] == found["kept"]
    assert found["moved"]["lut"] > 0 or found["moved"]["bram36"] > 0
