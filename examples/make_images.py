"""Writes images of Fashion-MNIST as ``slipstick compile --calibrate`` and ``simulate`` take them.

Without arguments the two small files that are shipped; with ``--all FILE`` all 10,000 test images.
"""

import argparse
from pathlib import Path

import numpy as np
from fashion_mnist import load

from slipstick.errors import SlipstickError

DATA = Path(__file__).resolve().parent / "data"
SHIPPED = 512
"""Images in each shipped file."""


def write(path: Path, part: str, count: int | None) -> None:
    """Writes the first ``count`` images of ``part`` with their labels, all for None."""
    images, labels = load(part)
    np.savez_compressed(path, images=images[:count].numpy(), labels=labels[:count].numpy())


def main() -> None:
    """Parses the command line and writes; a missing data set is one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", type=Path, metavar="FILE", help="write all test images there")
    arguments = parser.parse_args()
    try:
        if arguments.all:
            write(arguments.all, "t10k", None)
        else:
            write_shipped()
    except SlipstickError as error:
        raise SystemExit(f"error: {error}") from None


def write_shipped() -> None:
    """Writes both shipped files; calibration must not see the test images."""
    DATA.mkdir(exist_ok=True)
    write(DATA / "fashion_mnist_test.npz", "t10k", SHIPPED)
    write(DATA / "fashion_mnist_calibration.npz", "train", SHIPPED)


if __name__ == "__main__":
    main()
