"""Runs Vivado on a project, where there is one, and reads what it left."""

import json
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slipstick.errors import SlipstickError

COMMAND = ("vivado", "-mode", "batch", "-source", "build.tcl")
"""What makes the bitstream, called in the project's folder."""
LOG = "vivado.log"
BITSTREAM = "output/zynq_top.bit"
ROWS = {
    "Slice LUTs": "lut",
    "Slice Registers": "ff",
    "Block RAM Tile": "bram36",
    "DSPs": "dsp",
}
"""Rows of the report of utilisation, and what they count."""
_ROW = re.compile(r"^\|\s*([A-Za-z ]+?)\*?\s*\|\s*([0-9.]+)\s*\|", re.MULTILINE)


@dataclass(frozen=True)
class VivadoResult:
    """What Vivado made of a project.

    Attributes
    ----------
    setup_slack_ns, hold_slack_ns : of the worst path; timing is met where both are not negative.
    latches : in the routed design.
    used : cells of each of `ROWS` after routing.
    bitstream : the file, None if Vivado was not let write it.
    """

    setup_slack_ns: float
    hold_slack_ns: float
    latches: int
    used: dict[str, float]
    bitstream: str | None

    @property
    def ok(self) -> bool:
        """Whether there is a bitstream that may be loaded."""
        return self.bitstream is not None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"ok": self.ok, **asdict(self)}


def find_vivado() -> str | None:
    """The program, None if it is not on the path."""
    return shutil.which(COMMAND[0])


def run_vivado(vivado: str, project: Path) -> VivadoResult:
    """Lets ``vivado`` make the bitstream of ``project``; its messages go to ``vivado.log`` there.

    Raises `SlipstickError` if it breaks off. A design that misses its clocks is a result.
    """
    shutil.rmtree(project / "output", ignore_errors=True)
    with open(project / LOG, "wb") as log:
        done = subprocess.run(
            [vivado, *COMMAND[1:], "-nojournal", "-nolog"],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    judged = project / "output" / "result.json"
    if not judged.exists():
        raise _broken(project, f"stopped with code {done.returncode}")
    try:
        result = _read(project, json.loads(judged.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise _broken(project, f"left a result that cannot be read ({error})") from error
    if done.returncode and result.ok:
        raise _broken(project, f"stopped with code {done.returncode}")
    return result


def _read(project: Path, judged: dict[str, Any]) -> VivadoResult:
    report = (project / "output" / "utilisation.rpt").read_text(encoding="utf-8")
    counts = {name: float(count) for name, count in _ROW.findall(report)}
    bitstream = project / BITSTREAM
    return VivadoResult(
        setup_slack_ns=float(judged["wns"]),
        hold_slack_ns=float(judged["whs"]),
        latches=int(judged["latches"]),
        used={short: counts[name] for name, short in ROWS.items()},
        bitstream=str(bitstream) if bitstream.exists() else None,
    )


def _broken(project: Path, cause: str) -> SlipstickError:
    text = (project / LOG).read_text(encoding="utf-8", errors="replace")
    errors = [line.strip() for line in text.splitlines() if line.startswith("ERROR")]
    first = f": {errors[0]}" if errors else ""
    return SlipstickError("Vivado", f"{cause}{first}", f"see {project / LOG}")
