"""Fits the estimator's coefficients to Yosys, and measures its error on whole networks.

A sweep of components is synthesised; what was found is kept in build/, so that an interrupted
sweep goes on where it stopped and a later one only synthesises what has changed. Least squares
over the features of each component give the LUTs a feature takes, which are written into the
package. Run it with

    python benchmarks/estimator.py            sweep, fit, write
    python benchmarks/estimator.py --check DIR...    errors on build folders with a synthesis
"""

import argparse
import datetime
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from estimates.checking import check
from estimates.fitting import SMALLEST, fit
from estimates.sweep import components
from estimates.synthesis import resources, synthesised

from slipstick.estimate.coefficients import FILE
from slipstick.estimate.registry import counted

TABLE = Path(__file__).parent.parent / "gen" / "slipstick" / "estimate" / FILE


def sweep() -> None:
    """Synthesises the components, fits, prints and writes what a feature takes."""
    names, parts = zip(*components(), strict=True)
    found = [counted(part) for part in parts]
    truth = [resources(cells) for cells in synthesised(parts)]
    luts, estimates = fit([(f.features, t["lut"]) for f, t in zip(found, truth, strict=True)])
    print("component, then estimate/synthesis of LUT, FF, LUTRAM, BRAM36")
    for name, mine, real, lut in zip(names, found, truth, estimates, strict=True):
        pairs = (lut, "lut"), (mine.ff, "ff"), (mine.lutram, "lutram"), (mine.bram18 / 2, "bram36")
        print(f"{name:36}", *(f"{count:8.5g}/{real[kind]:<6g}" for count, kind in pairs))
    real_luts = np.array([t["lut"] for t in truth])
    _write(luts, (estimates - real_luts) / np.maximum(real_luts, SMALLEST))


def _write(luts: dict[str, float], errors: np.ndarray) -> None:
    lines = [
        "# LUTs that one unit of each feature takes; `python benchmarks/estimator.py` writes this.",
        f"# The errors are those of the components of the sweep, of at least {SMALLEST} LUTs each.",
        f'date = "{datetime.date.today().isoformat()}"',
        f'pyosys = "{version("pyosys")}"',
        f"components = {len(errors)}",
        f"mean_error = {np.abs(errors).mean():.4f}",
        f"largest_error = {np.abs(errors).max():.4f}",
        "",
        "[luts]",
        *(f'"{name}" = {weight:.4f}' for name, weight in sorted(luts.items())),
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", nargs="+", type=Path, metavar="DIR", help="build folders")
    given = parser.parse_args()
    if given.check:
        check(given.check)
    else:
        sweep()


if __name__ == "__main__":
    sys.exit(main())
