"""Torch modules to exported programs."""

import copy

import torch

from slipstick.errors import SlipstickError
from slipstick.frontend.loader import first_line


def export_module(
    module: torch.nn.Module, example_input: torch.Tensor
) -> torch.export.ExportedProgram:
    """``module`` in eval mode, exported for images like ``example_input``; itself unchanged.

    The batch is left open where the module's code allows it. Raises `SlipstickError` if torch
    cannot trace the module.
    """
    thing = f"Model '{type(module).__name__}'"
    if not isinstance(example_input, torch.Tensor) or example_input.dim() not in (2, 4):
        raise SlipstickError(
            thing, "needs an example input of shape (N, C, H, W) or (N, F)", "pass such a tensor"
        )
    model = copy.deepcopy(module).eval()
    images = example_input.detach()
    # A batch of one would be taken for a constant.
    several = images if len(images) > 1 else torch.cat([images, images])
    with torch.no_grad():
        try:
            batch = {0: torch.export.Dim("batch")}
            return torch.export.export(model, (several,), dynamic_shapes=(batch,))
        except Exception:
            return _export_fixed(thing, model, images)


def _export_fixed(
    thing: str, model: torch.nn.Module, images: torch.Tensor
) -> torch.export.ExportedProgram:
    """Exported for just one size of batch, where the module's code asks for it."""
    try:
        return torch.export.export(model, (images,))
    except Exception as error:
        raise SlipstickError(
            thing,
            f"cannot be exported ({first_line(error)})",
            "make its forward traceable by torch.export",
        ) from error
