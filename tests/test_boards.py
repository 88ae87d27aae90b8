"""Boards: the files that ship, a user's own file, and every way such a file can be wrong."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from slipstick.boards import Series7Board, board, board_names
from slipstick.errors import SlipstickError

ZYNQ = ("arty-z7-20", "microzed-7020", "pynq-z2", "zc706", "zedboard", "zybo-z7-20")

GOOD = """
name = "mine"
title = "Mine"
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


def test_shipped_boards() -> None:
    assert set(ZYNQ) <= set(board_names())
    assert [board(name).name for name in board_names()] == list(board_names())


@pytest.mark.parametrize("name", ZYNQ)
def test_zynq_boards_have_a_processor(name: str) -> None:
    found = board(name)
    assert isinstance(found, Series7Board)
    assert found.part.startswith("xc7z")
    assert found.zynq is not None
    assert found.zynq.memory_base == 0x10_0000
    # All of a DDR of a power of two, but for the first MByte.
    size = found.zynq.memory_base + found.zynq.memory_bytes
    assert size in (512 << 20, 1024 << 20)


def test_zc706_is_the_survey_board() -> None:
    zc706 = board("zc706")
    assert (zc706.part, zc706.clock_mhz) == ("xc7z045ffg900-2", 200)
    assert zc706.capacity.model_dump() == {
        "lut": 218600,
        "ff": 437200,
        "bram36": 545,
        "dsp": 900,
        "lutram": 70400,
    }


def test_boards_are_frozen() -> None:
    with pytest.raises(ValidationError):
        board("zc706").clock_mhz = 300  # type: ignore[misc]


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert board(str(path)).capacity.lut == 20800


def test_unknown_board_names_the_others_and_the_closest() -> None:
    with pytest.raises(SlipstickError, match=r"arty-z7-20, .*zybo-z7-20; did you mean 'zc706'\?"):
        board("zc760")
    with pytest.raises(SlipstickError, match=r"choose one of these, or give a \.toml file"):
        board("")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("lut = 20800", "lut = -1"), r"key 'capacity\.lut': .*greater than 0, not -1"),
        (("lut = 20800", "luts = 20800"), r"key 'capacity\.lut': field required"),
        (("clock_mhz = 100", "clock_mhz = 'fast'"), r"key 'clock_mhz': .*not 'fast'"),
        (('family = "xc7"', 'family = "ice40"'), r"'family': must be 'xc7' or 'ecp5', not 'ice40'"),
        (('family = "xc7"', ""), r"'family': must be 'xc7' or 'ecp5', not None"),
        (('name = "mine"', 'name = "../mine"'), r"key 'name': .*not '\.\./mine'"),
        (("dsp = 90", "dsp = 90\ncolour = 1"), r"key 'capacity\.colour': .*not permitted, not 1"),
        (("[capacity]", "[capacity"), r"is no valid TOML \(.*line 7"),
    ],
)
def test_wrong_file(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(SlipstickError, match=complaint):
        board(str(path))


ZYNQ_PART = """
[zynq]
ps_clock_mhz = 50
bus_mhz = 125
memory_base = 0x1000_0000
memory_bytes = 0x1000_0000
led = { ball = "A1", io = "LVCMOS33" }
"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("bus_mhz = 125", "bus_mhz = 300"), r"key 'zynq\.bus_mhz': .*as 250 or 333\.333, not 300"),
        (
            ("xc7z010clg400-1", "xc7a35tcpg236-1"),
            r"'zynq': part must be a Zynq-7000, .* not xc7a35",
        ),
        (("clock_mhz = 100", "clock_mhz = 150"), r"key 'zynq': clock_mhz must be .*, not 150"),
        (("0x1000_0000\nm", "0\nm"), r"key 'zynq\.memory_bytes': .* not in 0x00000000 to 0x0fff"),
        (("0x1000_0000\nl", "0x3000_0001\nl"), r"key 'zynq\.memory_bytes': .* to 0x40000000"),
        (('"A1"', '"A1 ]"'), r"key 'zynq\.led\.ball': .*, not 'A1 \]'"),
        (("bus_mhz = 125", "board_part = '$x'"), r"key 'zynq\.bus_mhz': field required"),
        (
            ("bus_mhz = 125", "bus_mhz = 125\nboard_part = '$x'"),
            r"'zynq\.board_part': .*, not '\$x'",
        ),
    ],
)
def test_wrong_zynq(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    path = tmp_path / "wrong.toml"
    good = GOOD.replace("xc7a35tcpg236-1", "xc7z010clg400-1") + ZYNQ_PART
    path.write_text(good)
    assert board(str(path)).zynq.bus_mhz == 125  # type: ignore[attr-defined]
    path.write_text(good.replace(*change))
    with pytest.raises(SlipstickError, match=complaint):
        board(str(path))


def test_the_documents_boards_are_the_shipped_ones(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "adding-a-board.md").read_text(encoding="utf-8")
    series7, zynq, ecp5 = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "board.toml"
    for content, name in ((series7 + zynq, "zc706"), (ecp5, "ulx3s")):
        path.write_text(content)
        assert board(str(path)) == board(name)
    path.write_text(series7)
    assert board(str(path)).capacity == board("zc706").capacity


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(SlipstickError, match=r"cannot be read \(No such file"):
        board(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SlipstickError, match="not UTF-8"):
        board(str(tmp_path / "binary.toml"))
