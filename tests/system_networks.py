"""Small compiled networks for tests of the whole system."""

import warnings

import numpy as np
import torch
from torch import nn

from slipstick import compile as compile_model
from slipstick.nn import ShiftConv2d, ShiftLinear


class Picture(nn.Module):
    """From an image to an image: frames and results of several bursts."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv = ShiftConv2d(2, 3, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


class Handful(nn.Module):
    """A vector of five numbers to one of three: a frame takes a few cycles."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.head = ShiftLinear(5, 3)

    def forward(self, x):
        return self.head(x.flatten(1))


class Hidden(nn.Module):
    """Two layers: what lies between them has few bits and can saturate."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.conv = ShiftConv2d(2, 4, 3, padding=1)
        self.head = ShiftConv2d(4, 3, 1)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)))


SHAPES = {Picture: (2, 9, 11), Handful: (5, 1, 1), Hidden: (2, 6, 5)}


def compiled(kind, folder):
    """Compiles a network of ``kind``, calibrated with noise of both signs."""
    rng = np.random.default_rng(4)
    images = folder.parent / f"{folder.name}.npz"
    np.savez(images, images=rng.uniform(-1, 1, (256, *SHAPES[kind])).astype(np.float32))
    example = torch.zeros(1, *SHAPES[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile_model(kind(), example, output=folder, calibrate=images).folder
