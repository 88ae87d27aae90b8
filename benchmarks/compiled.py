"""Whole circuits as the compiler makes them, as designs of the common flow."""

import shutil
import tempfile
from pathlib import Path

import torch
from flow import TOP, Design

from slipstick.build import compile as compile_model
from slipstick.config import Config


def compiled(
    folder: Path, network: torch.nn.Module, images: torch.Tensor, config: Config
) -> Design:
    """The circuit of ``network``: image buffers, lanes, bias, FIFOs, guard."""
    with tempfile.TemporaryDirectory() as work:
        output = Path(work) / "build"
        build = compile_model(network.eval(), images, output=output, name=TOP, config=config)
        files = sorted((build.folder / "rtl").glob("*.v"))
        copies = [Path(shutil.copy(file, folder)) for file in files]
        return Design(copies, 1, build.manifest.cycles_per_frame, dsp=True)
