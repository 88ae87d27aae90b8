"""The shipped checkpoints."""

from pathlib import Path

import torch

from slipstick.frontend import load_program

CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"


def shipped_weights(name: str) -> dict[str, torch.Tensor]:
    """The state dict of the shipped network ``name``."""
    return load_program(CHECKPOINTS / f"{name}.pt2").state_dict
