"""Runs frames of a build on a board at a serial port and compares them with the golden model.

python examples/serial_board.py DIR /dev/ttyUSB0, where the board was loaded with the bitstream of
build folder DIR (docs/ecp5.md).
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from slipstick.built import read_build, read_frames
from slipstick.ecp5.serial_board import open_board
from slipstick.graph import run


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if every result is the golden model's, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("device")
    parser.add_argument("--frames", type=int, default=100)
    given = parser.parse_args(arguments)
    _, graph = read_build(given.folder)
    images, _ = read_frames(given.folder, graph)
    images = images[: given.frames].astype(np.int64)
    golden = run(graph, torch.from_numpy(images))[graph.output].numpy()
    board = open_board(given.folder, given.device)
    start = time.monotonic()
    results = board.run(images)
    rate = len(images) / (time.monotonic() - start)
    wrong = int((results != golden).any(axis=(1, 2, 3)).sum())
    print(f"{len(images)} frames, {wrong} wrong, {board.resent} resent, {rate:.1f} frames/s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
