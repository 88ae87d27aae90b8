"""Trains one of the networks on Fashion-MNIST and exports it.

``python examples/train.py shift_lenet`` writes ``shift_lenet.pt2`` and ``shift_lenet.json`` in
``checkpoints``. The same seed gives the same network on the same machine. An interrupted run goes
on with ``--resume`` and ends where an undisturbed one would have. ``torchrun --nproc-per-node 2
examples/train.py shift_lenet`` shares each batch out over two processes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from rich.progress import Progress
from training.data import fashion_mnist
from training.place import placed
from training.publish import publish
from training.recipes import RECIPES, Recipe
from training.runner import Run
from training.shipped import CHECKPOINTS

from slipstick.errors import SlipstickError


def positive(text: str) -> int:
    """A number of epochs or threads from the command line."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--epochs", type=positive, help="of each phase, other than the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("-o", "--output", type=Path, default=CHECKPOINTS, metavar="FOLDER")
    return parser.parse_args()


def chosen(arguments: argparse.Namespace) -> Recipe:
    """The recipe, with phases as long as asked for."""
    recipe = RECIPES[arguments.recipe]
    if arguments.epochs is None:
        return recipe
    phases = tuple(replace(phase, epochs=arguments.epochs) for phase in recipe.phases)
    return replace(recipe, phases=phases)


def train(arguments: argparse.Namespace) -> None:
    """All epochs that are left, each saved; then the exported network."""
    name, folder = arguments.recipe, arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / f"{name}.state.pt"
    with placed(arguments.device) as place:
        data = fashion_mnist(place.device)
        run = Run(chosen(arguments), data, place, arguments.seed, state_file)
        if arguments.resume:
            run.restore()
        with Progress(disable=not place.first) as progress:
            run.finish(progress)
        if place.first:
            publish(run, name, folder)
            state_file.unlink()
            print(f"{name}: {100 * run.results[-1].after:.2f} % of the test images")


def main() -> None:
    """Trains as the command line says; a user's mistake is one line."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    try:
        train(arguments)
    except SlipstickError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
