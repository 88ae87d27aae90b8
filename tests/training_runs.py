"""Short training runs on the shipped images, for tests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from training.data import Data
from training.place import Place
from training.recipes import RECIPES
from training.runner import Run

from slipstick.nn import AdderConv2d

IMAGES = Path(__file__).resolve().parents[1] / "examples" / "data"


def few(images=256, tests=64):
    """As many of the shipped images; ``images // 128`` steps an epoch."""
    parts = []
    for name, count in (("calibration", images), ("test", tests)):
        with np.load(IMAGES / f"fashion_mnist_{name}.npz") as file:
            parts += [torch.from_numpy(file[key][:count]) for key in ("images", "labels")]
    return Data(*parts)


def short(recipe, epochs=1):
    """``recipe``, or the one of that name, with phases of ``epochs``."""
    recipe = RECIPES[recipe] if isinstance(recipe, str) else recipe
    phases = tuple(replace(phase, epochs=epochs) for phase in recipe.phases)
    return replace(recipe, phases=phases)


def make(recipe, state_file, data=None, place=None, seed=0, epochs=1):
    """A run that has not begun."""
    place = place or Place(torch.device("cpu"))
    return Run(short(recipe, epochs), data or few(), place, seed, state_file)


class Silent:
    """Stands in for a progress bar, and keeps what it was told."""

    def __init__(self):
        self.steps = 0

    def add_task(self, description, total, completed):
        self.total, self.steps = total, completed
        return 0

    def update(self, task, advance, description):
        self.steps += advance


def finished(run):
    """``run`` after all its epochs."""
    run.finish(Silent())
    return run


def same(one, other):
    """Whether two modules have exactly the same parameters and buffers."""
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def adder_layer_and_images():
    """The same ones on every rank."""
    torch.manual_seed(9)
    return AdderConv2d(2, 3, 3, bias=False), torch.randn(8, 2, 5, 5)
