"""The documents: their links resolve, and what they show is what CI runs."""

import re
import runpy
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from slipstick.cli import app
from slipstick.config import FoldOptions, LayerOptions, QuantiseOptions, load_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def text_of(page):
    """The page without its code, in which brackets are no links."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page):
    words = (re.sub(r"[^\w\- ]", "", title).lower() for title in HEADING.findall(text_of(page)))
    return {title.replace(" ", "-") for title in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for target in LINK.findall(text_of(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


def test_every_page_is_reachable_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(text_of(page)))
        waiting += [(page.parent / link).resolve() for link in links if link.endswith(".md")]
    # docs/index.md is the entry of the HTML pages, where the README is not.
    assert set((ROOT / "docs").glob("*.md")) - seen <= {ROOT / "docs/index.md"}


def readme_script():
    extract = runpy.run_path(str(ROOT / ".ci/readme_commands.py"))["script"]
    return extract((ROOT / "README.md").read_text(encoding="utf-8"))


def test_ci_runs_the_readme():
    assert ".ci/readme_commands.py README.md" in (ROOT / ".ci/run").read_text()
    script = readme_script()
    for command in ("inspect", "compile", "simulate", "synth", "report", "doctor"):
        assert f"slipstick {command}" in script
    assert "slipstick.compile(" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_readme_names_only_existing_options():
    commands = get_command(app).commands
    joined = readme_script().replace("\\\n", " ")
    for command, rest in re.findall(r"^\S*slipstick (\w+)(.*)$", joined, re.MULTILINE):
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--?[a-z][\w-]*", rest)) <= known, command


def test_readme_names_only_existing_make_targets():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    used = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert used
    assert set(used) <= set(targets)


def test_files_that_the_readme_reads_are_shipped():
    for name in re.findall(r"examples/[\w./-]+\.\w+", readme_script()):
        assert (ROOT / name).is_file(), name


def toml_blocks():
    for page in [ROOT / "README.md", ROOT / "docs/configuration.md"]:
        for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.M | re.DOTALL):
            yield pytest.param(block, id=page.name)


@pytest.mark.parametrize("block", list(toml_blocks()))
def test_shown_configurations_load(block, tmp_path):
    (tmp_path / "shown.toml").write_text(block)
    load_config(tmp_path / "shown.toml")


def test_every_key_of_the_configuration_is_described():
    text = (ROOT / "docs/configuration.md").read_text()
    for section in (QuantiseOptions, FoldOptions, LayerOptions):
        for key, field in section.model_fields.items():
            assert f"`{key}`" in text
            default = "none" if field.default is None else field.default
            if section is not LayerOptions:
                assert f"| `{key}` | {default} |" in text
