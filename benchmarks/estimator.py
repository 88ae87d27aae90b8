"""Fits the estimator's coefficients to Yosys, and measures its error on whole networks.

A sweep of components is synthesised; what was found is kept in build/, so that an interrupted
sweep goes on where it stopped and a later one only synthesises what has changed. Least squares
over the features of each component give the LUTs a feature takes, which are written into the
package. Run it with

    python benchmarks/estimator.py            sweep, fit, write
    python benchmarks/estimator.py streams    the same with some groups of components
    python benchmarks/estimator.py --check DIR...    errors on build folders with a synthesis,
                                                     which are noted beside the coefficients
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from estimates.checking import check
from estimates.fitting import SMALLEST, fit
from estimates.sweep import GROUPS, components
from estimates.synthesis import resources, synthesised
from estimates.table import write_checked, write_fitted

from slipstick.estimate.registry import counted


def sweep(groups: Sequence[str]) -> None:
    """Synthesises the components, fits, prints and writes what a feature takes."""
    names, parts = zip(*components(groups), strict=True)
    found = [counted(part) for part in parts]
    truth = [resources(cells) for cells in synthesised(parts)]
    luts, estimates = fit([(f.features, t["lut"]) for f, t in zip(found, truth, strict=True)])
    print("component, then estimate/synthesis of LUT, FF, LUTRAM, BRAM36")
    for name, mine, real, lut in zip(names, found, truth, estimates, strict=True):
        pairs = (lut, "lut"), (mine.ff, "ff"), (mine.lutram, "lutram"), (mine.bram18 / 2, "bram36")
        print(f"{name:36}", *(f"{count:8.5g}/{real[kind]:<6g}" for count, kind in pairs))
    real_luts = np.array([t["lut"] for t in truth])
    write_fitted(luts, (estimates - real_luts) / np.maximum(real_luts, SMALLEST), groups)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", nargs="+", type=Path, metavar="DIR", help="build folders")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; without any, all")
    given = parser.parse_args()
    if given.check:
        write_checked(check(given.check))
    else:
        sweep(given.groups or list(GROUPS))


if __name__ == "__main__":
    sys.exit(main())
