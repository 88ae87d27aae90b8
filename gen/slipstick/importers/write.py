"""Imported networks as exported programs in files."""

import tempfile
from pathlib import Path

import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import export_module


def check_output(output: Path) -> None:
    """Refuses a file that exists already, or whose folder does not."""
    if output.exists():
        raise SlipstickError(f"Output '{output}'", "exists already", "choose another name")
    if not output.parent.is_dir():
        raise SlipstickError(f"Output '{output}'", "has no folder to be in", "make it first")


def write_program(module: nn.Module, image_shape: tuple[int, int, int], output: Path) -> None:
    """Exports ``module`` for any number of images (C, H, W) to the new file ``output``."""
    check_output(output)
    program = export_module(module, torch.zeros(2, *image_shape))
    try:
        _write(program, output)
    except OSError as error:
        raise SlipstickError(
            f"Output '{output}'", f"cannot be written ({error.strerror})", "choose another place"
        ) from error


def _write(program: torch.export.ExportedProgram, output: Path) -> None:
    """The file appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".slipstick-") as folder:
        partial = Path(folder) / output.name
        torch.export.save(program, partial)
        check_output(output)
        partial.rename(output)
