"""The page about the zoo shows what is computed."""

import runpy

import pytest


@pytest.fixture
def maker(root):
    return runpy.run_path(str(root / "docs/make_zoo.py"))


@pytest.fixture
def page(root):
    return (root / "docs/zoo.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", ["remarks", "energies", "ratios"])
def test_quick_tables_are_current(maker, page, table):
    assert maker["TABLES"][table]() in page


@pytest.mark.slow
def test_whole_page_is_current(maker, page):
    assert maker["filled"](page) == page
