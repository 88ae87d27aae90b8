"""The package is what the folders hold, and works installed, far from the checkout."""

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from setuptools import find_packages

import slipstick

MAPPED = ("boards", "firmware", "rtl_templates", "sim")
JUNK = ("__pycache__", ".egg-info")


def settings(root):
    return tomllib.loads((root / "pyproject.toml").read_text())


def source_files(root):
    """Path in the package of every file of the mapped folders and of gen/slipstick."""
    homes = {"slipstick": root / "gen/slipstick"}
    homes |= {f"slipstick/{name}": root / name for name in MAPPED}
    for package, folder in homes.items():
        for path in folder.rglob("*"):
            if path.is_file() and not any(junk in str(path) for junk in JUNK):
                yield f"{package}/{path.relative_to(folder)}"


def tracked_texts(root):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.decode().split("\0"):
        path = root / name
        if name and path.is_file():
            yield name, path.read_bytes().decode(errors="replace")


def test_package_list_is_what_exists(root):
    listed = settings(root)["tool"]["setuptools"]["packages"]
    found = set(find_packages(root / "gen"))
    for name in MAPPED:
        found.add(f"slipstick.{name}")
        found |= {f"slipstick.{name}.{inner}" for inner in find_packages(root / name)}
    assert set(listed) == found
    assert len(listed) == len(set(listed))


def test_wheel_holds_every_file_of_the_package(root, wheel):
    packed = {
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if not re.match(r"[^/]*\.dist-info/", name)
    }
    assert packed == set(source_files(root))


def test_versions_agree(root):
    assert settings(root)["project"]["version"] == slipstick.__version__


def test_installed_wheel_runs_outside_the_checkout(root, wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    pip += ["--no-deps", "--no-index", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True)
    # The dependencies of this environment, but not its editable Slipstick: that one needs the
    # .pth files of its folder, which Python does not read for a folder named in another .pth.
    (own,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command):
        options = {"cwd": tmp_path, "env": clean, "capture_output": True, "text": True}
        return subprocess.run(command, check=True, **options).stdout

    program = "import slipstick.boards as b; print(b.__file__, *b.board_names())"
    where, *boards = run(python, "-c", program).split()
    assert Path(where).is_relative_to(tmp_path)
    assert "zc706" in boards
    assert run(tmp_path / "venv/bin/slipstick", "--version").strip() == (
        f"slipstick {slipstick.__version__}"
    )


def test_nobody_imports_the_mapped_folders_by_their_own_names(root):
    wrong = re.compile(rf"^\s*(?:from|import)\s+(?:{'|'.join(MAPPED)})\b", re.MULTILINE)
    guilty = [
        name for name, text in tracked_texts(root) if name.endswith(".py") and wrong.search(text)
    ]
    assert not guilty


def all_modules():
    rooms = [*slipstick.__path__]
    names = [module.name for module in pkgutil.walk_packages(rooms, "slipstick.")]
    for room in MAPPED:
        package = importlib.import_module(f"slipstick.{room}")
        names += [package.__name__]
        names += [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return sorted(set(names))


def test_every_public_name_exists():
    missing = []
    for name in ["slipstick", *all_modules()]:
        module = importlib.import_module(name)
        public = getattr(module, "__all__", [])
        missing += [f"{name}.{item}" for item in public if not hasattr(module, item)]
        assert len(public) == len(set(public)), name
    assert not missing


def test_errors_import_without_torch():
    program = "import sys, slipstick.errors, slipstick.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


def test_no_file_names_a_place_on_this_machine(root):
    places = [re.escape(str(Path.home())) + "/", re.escape(str(root)) + r"\b", r"/home/\w+/"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s'\"]+", done.stdout)}
    places += [re.escape(host) for host in hosts - {None, "localhost", "pypi.org"}]
    pattern = re.compile("|".join(places))
    guilty = {name: m[0] for name, text in tracked_texts(root) if (m := pattern.search(text))}
    assert not guilty
