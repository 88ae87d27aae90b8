"""The networks of `targets.py`, trained for a short while so that their weights are real ones.

The published networks want CIFAR-10. Here only size and speed of the circuits count, which depend
on how training spreads weights and activations; Fashion-MNIST does for that, its images padded to
32x32 pixels and repeated in three channels. The accuracies say nothing of the published ones.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import nn
from torch.nn import functional

from slipstick.nn import ShiftLinear, convert
from slipstick.zoo import build

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
from fashion_mnist import load
from training.data import Data
from training.place import Place
from training.publish import export
from training.recipes import Phase, Recipe
from training.runner import Run

SEED = 0
CALIBRATION = 256
"""Training images that choose the ranges of the activations."""
TESTED = 256
"""Test images that tell the accuracy."""
GREY, CIFAR = (1, 28, 28), (3, 32, 32)


@dataclass(frozen=True)
class Target:
    """A network and the rate that it shall have on an XC7Z045 at 200 MHz.

    Attributes
    ----------
    name : of its files.
    title : of its row.
    network : makes it, untrained.
    shape : (C, H, W) of its images.
    images : training images an epoch.
    phase : how it is trained.
    frames_per_second : to reach.
    bn_terms : signed powers of two of a folded BatchNorm's scale.
    """

    name: str
    title: str
    network: Callable[[], nn.Module]
    shape: tuple[int, int, int]
    images: int
    phase: Phase
    frames_per_second: int
    bn_terms: int = 3


def _shift_resnet() -> nn.Module:
    return convert(build("shiftresnet20_e6"), weight_bits=4)


def _spread_fc() -> nn.Module:
    """With weights up to 1 at first: those of torch's would all round to the smallest power."""
    network = build("deepshift_mnist_fc", weight_bits=3)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, ShiftLinear):
                layer.weight /= layer.weight.abs().max()
    return network


TARGETS = (
    Target(
        "addernet20",
        "AdderNet-20",
        partial(build, "addernet_resnet20"),
        CIFAR,
        2560,
        Phase("sgd", 0.1, 2),
        30_000,
    ),
    Target(
        "deepshift20",
        "DeepShift-20, weights of sign + 3 bits",
        partial(build, "deepshift_resnet20", weight_bits=4),
        CIFAR,
        6400,
        Phase("adam", 2e-3, 2),
        21_906,
    ),
    Target(
        "shiftaddnet20",
        "ShiftAddNet-20, shifts of sign + 3 bits, BatchNorm scales of two powers of two",
        partial(build, "shiftaddnet_resnet20", weight_bits=4),
        CIFAR,
        2560,
        Phase("sgd", 0.1, 2),
        15_000,
        bn_terms=2,
    ),
    Target(
        "shiftresnet20",
        "ShiftResNet-20, e = 6, weights of sign + 3 bits",
        _shift_resnet,
        CIFAR,
        1920,
        Phase("adam", 2e-3, 2),
        21_906,
    ),
    Target(
        "deepshift_fc",
        "DeepShift FC 784-512-512-10, weights of sign + 2 bits",
        _spread_fc,
        GREY,
        60_000,
        Phase("adam", 1e-3, 2),
        1_561_000,
    ),
)


def trained(target: Target, folder: Path) -> Path:
    """The exported network, and images beside it; made once."""
    path = folder / f"{target.name}.pt2"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)
    data = _data(target)
    run = Run(
        Recipe(target.network, (target.phase,)),
        data,
        Place(torch.device("cpu")),
        SEED,
        folder / f"{target.name}.state",
    )
    with Progress() as progress:
        run.finish(progress)
    _save(folder / f"{target.name}_calibration.npz", data.images[:CALIBRATION])
    _save(folder / f"{target.name}_test.npz", data.test_images, data.test_labels)
    export(run.model, data.images[:2].clone(), path)
    print(f"{target.title}: {run.results[-1].after:.1%} of {TESTED} test images, float")
    return path


def _data(target: Target) -> Data:
    images, labels = load("train")
    tests, test_labels = load("t10k")
    shaped = partial(_shaped, shape=target.shape)
    return Data(
        shaped(images[: target.images]),
        labels[: target.images],
        shaped(tests[:TESTED]),
        test_labels[:TESTED],
    )


def _shaped(images: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    channels, height, width = shape
    y, x = (height - images.shape[2]) // 2, (width - images.shape[3]) // 2
    return functional.pad(images, (x, x, y, y)).repeat(1, channels, 1, 1)


def _save(path: Path, images: torch.Tensor, labels: torch.Tensor | None = None) -> None:
    named = {"images": images.numpy()} | ({} if labels is None else {"labels": labels.numpy()})
    np.savez_compressed(path, **named)
