"""Trains SSL's network with several lambdas: the larger, the fewer channels move.

``python examples/sweep_lambda.py --epochs 1`` prints a line a lambda and writes nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import Progress
from training.data import Data, fashion_mnist
from training.place import Place, placed
from training.recipes import RECIPES, Recipe
from training.runner import Run

from slipstick.errors import SlipstickError
from slipstick.nn import SparseShift

LAMBDAS = (0.0, 5e-4, 2e-3, 8e-3)
"""None, the paper's, and beyond."""


@dataclass(frozen=True)
class Point:
    """What a lambda comes to: share of the channels that stay, and of right test images."""

    penalty: float
    sparsity: float
    accuracy: float


def sweep(
    recipe: Recipe, lambdas: Iterable[float], data: Data, place: Place, seed: int = 0
) -> Iterator[Point]:
    """Trains ``recipe`` with each of ``lambdas`` in place of its own, from the same start."""
    for penalty in lambdas:
        phases = tuple(replace(phase, penalty=penalty) for phase in recipe.phases)
        with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
            state_file = Path(folder) / "state.pt"
            run = Run(replace(recipe, phases=phases), data, place, seed, state_file)
            run.finish(progress)
        yield Point(penalty, sparsity(run.model), run.results[-1].after)


def sparsity(model: torch.nn.Module) -> float:
    """Share of all moved layers' channels that stay."""
    layers = [layer for layer in model.modules() if isinstance(layer, SparseShift)]
    staying = sum(layer.sparsity() * layer.channels for layer in layers)
    return staying / sum(layer.channels for layer in layers)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lambdas", type=float, nargs="+", default=LAMBDAS, metavar="LAMBDA")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Sweeps as the command line says; a missing data set is one line."""
    arguments = parse()
    torch.set_num_threads(1)
    (phase,) = RECIPES["sparse_shiftnet"].phases
    phases = (replace(phase, epochs=arguments.epochs),)
    recipe = replace(RECIPES["sparse_shiftnet"], phases=phases)
    try:
        with placed("auto") as place:
            data = fashion_mnist(place.device)
            for point in sweep(recipe, arguments.lambdas, data, place, arguments.seed):
                print(
                    f"lambda {point.penalty:g}: {100 * point.sparsity:.1f} % of the channels stay, "
                    f"{100 * point.accuracy:.2f} % of the test images",
                    flush=True,
                )
    except SlipstickError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
