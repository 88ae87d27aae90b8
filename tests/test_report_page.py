"""The report page: complete, self-contained, escaped, the same every time, and it fits."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from synthetic_build import Names, write_build, write_simulation

from slipstick.errors import SlipstickError
from slipstick.report import compared, report

VOID = {"meta", "img", "br"}
HOSTILE = Names(
    conv='<script>alert("x")</script>', block="b'\"&<i>", head="</svg>\N{SNOWMAN} {{ 7 * 7 }}"
)


class Page(HTMLParser):
    """Collects what a test asks about, and insists that elements close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words += f"{data} "

    def count(self, tag: str, **wanted: str) -> int:
        return sum(
            found == tag and all(attrs.get(key.rstrip("_")) == v for key, v in wanted.items())
            for found, attrs in self.tags
        )


def write_synthesis(folder: Path, multipliers: int = 0) -> None:
    counts = {"lut": 500, "lut_sites": 450, "ff": 800, "carry4": 40, "bram36": 1.5, "lutram": 8}
    counts |= {"dsp": 0, "multipliers": multipliers, "path_ps": 2100}
    names = ["conv1", "block_conv1", "block_conv2", "block_add", "pool", "fc"]
    rows = [{"instance": name, "module": name, "kind": "shift", **counts} for name in names]
    rows.append({"instance": "fork", "module": "fork", "kind": "stream plumbing", **counts})
    rows.append({"instance": "tinynet", "module": "tinynet", "kind": "glue", **counts})
    total = {key: 8 * value for key, value in counts.items()} | {"path_ps": 2100}
    document = {
        **total,
        "per_layer": rows,
        "utilisation": {"lut": 0.0186, "ff": 0.0146, "bram36": 0.022, "lutram": 0.0009},
        "versions": {"yosys": "0.70+28ba3cb92"},
        "seconds": 12.5,
    }
    (folder / "synthesis.json").write_text(json.dumps(document))


def write_estimate(folder: Path, lut: int) -> None:
    counts = {"lut": lut, "ff": 800, "lutram": 8, "bram36": 2.5}
    rows = [{"instance": name, **counts} for name in ("block_conv1", "fork")]
    total = {key: 8 * value for key, value in counts.items()}
    (folder / "estimate.json").write_text(json.dumps({**total, "per_layer": rows}))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_build(tmp_path_factory.mktemp("full") / "build")
    write_simulation(folder)
    write_synthesis(folder)
    return report(folder)


def read(path: Path) -> tuple[str, Page]:
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_everything_is_there(full: Path) -> None:
    _, page = read(full)
    for section in (
        "headline",
        "accuracy",
        "speed",
        "resources",
        "network",
        "layers",
        "frames",
        "weights",
    ):
        assert any(attrs.get("id") == section for _, attrs in page.tags), section
    for words in (
        "0 mismatches",
        "24 frames × 6 layers",
        "0 multipliers",
        "91.3 %",
        "90.8 %",
        "75.0 %",
        "1,153",
        "1,152",
        "block.conv1",
        "8×12×12",
        "P4 S2 Q9",
        "72 lanes",
        "4,000",
        "0.70+28ba3cb92",
        "Nothing here ran on Vivado or on a board",
        "2.1 ns",
        "Latency 1,900 cycles, 9.5 µs",
        "simulated cycles at the assumed clock of 200 MHz",
    ):
        assert words in page.words, words


def test_no_command_is_asked_for_when_all_ran(full: Path) -> None:
    assert "slipstick simulate" not in read(full)[0]
    assert "slipstick synth" not in read(full)[0]


def test_needs_no_network(full: Path) -> None:
    text, page = read(full)
    assert not page.count("script")
    assert not page.count("link")
    sources = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in text
    assert "@import" not in text


def test_residual_branch_is_drawn(full: Path) -> None:
    _, page = read(full)
    boxes = [a for tag, a in page.tags if tag == "rect" and a.get("class") == "box"]
    assert len(boxes) == 7  # The input and six stages.
    assert page.count("path", marker_end="url(#head)") == 0
    heads = [a for tag, a in page.tags if tag == "path" and "marker-end" in a]
    assert len(heads) == 7  # One an edge: a chain of six, and the branch around the block.


def test_pictures_are_the_frames(full: Path) -> None:
    _, page = read(full)
    uris = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(uris) == 12  # Six wrong, six right.
    assert all(base64.b64decode(uri.split(",")[1]).startswith(b"\x89PNG") for uri in uris)
    assert len(re.findall(r"class \d , said \d", re.sub(r"\s+", " ", page.words))) == 6


def test_same_folder_same_bytes(full: Path, tmp_path: Path) -> None:
    first = full.read_bytes()
    assert report(full.parent).read_bytes() == first
    copy = shutil.copytree(full.parent, tmp_path / "build")
    assert report(copy).read_bytes() == first
    assert str(full.parent.parent) not in first.decode()
    assert [path.name for path in copy.glob("*partial*")] == []


def test_names_are_escaped(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "<b>build", HOSTILE, argmax=True)
    text, page = read(report(folder))
    assert not page.count("script")
    assert not page.count("i", class_="x")
    assert "<script>" not in text
    assert "<b>build" not in text
    assert "{{ 7 * 7 }}" in page.words
    assert HOSTILE.conv in page.words


def test_missing_parts_name_the_command(tmp_path: Path) -> None:
    _, page = read(report(write_build(tmp_path / "bare")))
    assert "not simulated slipstick simulate bare" in re.sub(r"\s+", " ", page.words)
    assert "slipstick synth bare" in page.words
    assert "0 mismatches" not in page.words
    assert "0 multipliers" not in page.words


def test_broken_promises_are_shown(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "bad")
    write_simulation(folder, mismatches=3)
    write_synthesis(folder, multipliers=1)
    _, page = read(report(folder))
    assert "3 mismatches" in page.words
    assert "8 multipliers" in page.words
    assert page.count("small", class_="wrong") == 1
    assert page.count("span", class_="badge bad") == 2
    assert "equal bit for bit" not in page.words


def test_estimates_stand_beside_counts(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    write_estimate(folder, lut=460)
    _, page = read(report(folder))
    assert "slipstick synth build" in page.words
    rows = compared(folder)
    assert [row["counted"] for row in rows] == [None] * 3
    assert [row["lut_error"] for row in rows] == [None] * 3
    write_synthesis(folder)
    _, page = read(report(folder))
    text = re.sub(r"\s+", " ", page.words)
    assert "block.conv1 460 500 \N{MINUS SIGN}8.0 % 800 800 8 8 2.5 1.5 fork 460 500" in text
    assert "total 3,680 4,000 \N{MINUS SIGN}8.0 % 6,400 6,400 64 64 20 12" in text
    rows = compared(folder)
    assert [row["instance"] for row in rows] == ["block_conv1", "fork", "total"]
    assert [row["lut_error"] for row in rows] == [-0.08] * 3
    assert rows[0]["estimated"] == {"lut": 460, "ff": 800, "lutram": 8, "bram36": 2.5}
    assert rows[0]["counted"] == {"lut": 500, "ff": 800, "lutram": 8, "bram36": 1.5}


def test_damaged_estimate_is_named(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    (folder / "estimate.json").write_text('{"lut": 1}')
    with pytest.raises(SlipstickError, match=r"estimate\.json.*run slipstick compile again"):
        report(folder)


@pytest.mark.parametrize("labels", [None, np.full(24, -1)])
def test_frames_without_labels(tmp_path: Path, labels: np.ndarray | None) -> None:
    folder = write_build(tmp_path / "build")
    with np.load(folder / "frames.npz") as archive:
        arrays = {"images": archive["images"]}
    if labels is not None:
        arrays["labels"] = labels
    np.savez(folder / "frames.npz", **arrays)
    _, page = read(report(folder))
    assert "Not labelled" in page.words
    assert page.count("img") == 6


def test_no_calibration_accuracy(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    document = json.loads((folder / "manifest.json").read_text())
    document["accuracy"] = None
    (folder / "manifest.json").write_text(json.dumps(document))
    assert "--calibrate FILE.npz" in read(report(folder))[1].words


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("synthesis.json", "{", r"synthesis\.json'.*run slipstick synth again"),
        ("simulation.json", '{"frames": "many"}', r"key 'frames'.*run slipstick simulate again"),
        ("manifest.json", "{}", r"manifest\.json'.*compile the model again"),
        ("frames.npz", "no zip", r"frames\.npz'.*compile the model again"),
        ("graph/graph.json", "[]", r"Graph.*compile the model again"),
    ],
)
def test_damaged_folder(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = write_build(tmp_path / "build")
    (folder / name).write_text(content)
    with pytest.raises(SlipstickError, match=message):
        report(folder)
    assert not (folder / "report.html").exists()


def test_no_build_folder(tmp_path: Path) -> None:
    with pytest.raises(SlipstickError, match=r"holds no manifest\.json"):
        report(tmp_path)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
).split()
MEASURE = """<script>addEventListener("load", () => parent.postMessage(
`inner ${innerWidth} page ${document.scrollingElement.scrollWidth}`, "*"));</script></body>"""
# In a frame, since a headless window is never narrower than 500 pixels.
FRAME = """<!doctype html><script>addEventListener("message", (m) => document.title = m.data);
</script><iframe style="border:0;width:{width}px;height:900px" src="{page}"></iframe>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("names", [Names(), HOSTILE], ids=["plain", "hostile"])
def test_no_sideways_scrolling(tmp_path: Path, width: int, names: Names) -> None:
    folder = write_build(tmp_path / "build", names)
    write_simulation(folder)
    write_synthesis(folder)
    text = report(folder).read_text(encoding="utf-8")
    inside, outside = tmp_path / "inside.html", tmp_path / "outside.html"
    inside.write_text(text.replace("</body>", MEASURE), encoding="utf-8")
    outside.write_text(FRAME.format(width=width, page=inside.as_uri()), encoding="utf-8")
    shown = _dump(outside, tmp_path)
    inner, page = map(int, re.findall(r"<title>inner (\d+) page (\d+)", shown)[0])
    assert inner == width
    assert page <= inner


def _dump(path: Path, work: Path) -> str:
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={work / 'profile'}", "--window-size=1400,900",
         "--virtual-time-budget=2000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout
