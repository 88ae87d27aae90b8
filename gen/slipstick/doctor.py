"""Whether this machine has what Slipstick needs, and what to install where it has not."""

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

PYTHON = (3, 11)

PACKAGES = {
    "torch": "the trained networks and the golden model",
    "amaranth": "the hardware",
    "pyosys": "Verilog and synthesis",
}

OPTIONAL_TOOLS = frozenset({"icarus", "iverilog"})
"""Those of the simulators' tools without which every command still works."""

DATASET = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Attributes
    ----------
    name : what it is.
    ok : whether it is here and works.
    detail : the version or place found, or what is missing.
    fix : what the user can do; empty if ``ok``.
    required : whether a command fails without it.
    """

    name: str
    ok: bool
    detail: str
    fix: str
    required: bool = True


@dataclass(frozen=True)
class Health:
    """All checks of a machine."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether everything required is here."""
        return all(check.ok for check in self.checks if check.required)

    def to_json(self) -> dict[str, Any]:
        """As ``slipstick doctor --json`` prints it."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def examine() -> Health:
    """Looks for everything; takes seconds, since the L1 kernel is compiled if it never was."""
    return Health((_python(), *_packages(), *_simulators(), _cache(), _kernel(), *_extras()))


def _python() -> Check:
    ok = sys.version_info[:2] >= PYTHON
    fix = "" if ok else "apt-get install python3 of Debian 12 or newer"
    return Check("python", ok, ".".join(map(str, sys.version_info[:3])), fix)


def _packages() -> Iterator[Check]:
    for name, purpose in PACKAGES.items():
        try:
            yield Check(name, True, importlib.metadata.version(name), "")
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, False, f"not installed ({purpose})", f"pip install {name}")


def _simulators() -> Iterator[Check]:
    from slipstick.sim.tools import check_tools

    for tool in check_tools():
        required = tool.name not in OPTIONAL_TOOLS
        yield Check(tool.name, tool.ok, tool.detail, "" if tool.ok else tool.fix, required)


def _cache() -> Check:
    folder = Path(platformdirs.user_cache_dir("slipstick"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        fix = "make the folder writable, or set XDG_CACHE_HOME to one that is"
        return Check("cache folder", False, f"{folder}: {error.strerror}", fix)
    return Check("cache folder", True, str(folder), "")


def _kernel() -> Check:
    from slipstick.kernels import kernel_available

    if kernel_available():
        return Check("L1 kernel", True, "compiled", "", required=False)
    detail = "not compiled; slower torch code is used"
    fix = f"apt-get install g++ (or correct CXX={os.environ.get('CXX', '')})"
    return Check("L1 kernel", False, detail, fix, required=False)


def _extras() -> Iterator[Check]:
    """What only the project's own tests and full-size figures use."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    fix = "" if browser else "apt-get install chromium (only to test reports)"
    yield Check("chromium", bool(browser), browser or "not found", fix, required=False)
    found = DATASET.is_dir()
    fix = "" if found else "apt-get install dataset-fashion-mnist (only for all 10,000 images)"
    where = str(DATASET) if found else "not found"
    yield Check("Fashion-MNIST", found, where, fix, required=False)
