"""Trains one of the shipped networks on Fashion-MNIST and exports it.

``python examples/train.py shift_lenet`` writes ``shift_lenet.pt2`` and ``shift_lenet.json`` in
``checkpoints``. The same seed gives the same network on the same machine. An interrupted run goes
on with ``--resume`` and ends where an undisturbed one would have.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from fashion_mnist import load
from networks import NETWORKS
from rich.progress import Progress

from slipstick.errors import SlipstickError
from slipstick.nn import ShiftConv2d, ShiftLinear, SparseShift

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
BATCH = 128
SHIFT_RATE = 0.01
"""Learning rate of shift weights beside adder layers, DeepShift's own."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: optimiser, its learning rate, and for how long."""

    optimiser: str
    rate: float
    epochs: int
    sparsity: float = 0.0
    """Weight of SSL's penalty of displacements, its lambda."""


RECIPES = {
    "shift_lenet": Recipe("adam", 2e-3, 6),
    # AdderNet scales its gradients itself and wants SGD, down to the end of the cosine.
    "resnet_adder": Recipe("sgd", 0.1, 8),
    "shiftaddnet": Recipe("sgd", 0.1, 6),
    "shiftnet": Recipe("adam", 2e-3, 6),
    "sparse_shiftnet": Recipe("adam", 2e-3, 6, sparsity=5e-4),
    "addressnet": Recipe("adam", 2e-3, 6),
}


def make_optimiser(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; with SGD, shift weights are slower and without weight decay.

    At AdderNet's rate the last BatchNorm ended below zero, so that its ReLU let nothing through.
    """
    if recipe.optimiser == "adam":
        return torch.optim.Adam(model.parameters(), recipe.rate)
    layers = [m for m in model.modules() if isinstance(m, ShiftConv2d | ShiftLinear)]
    shift = [weight for layer in layers for weight in layer.weights()]
    slow = {id(weight) for weight in shift}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) not in slow], "weight_decay": 5e-4}
    ]
    if shift:
        groups.append({"params": shift, "lr": SHIFT_RATE})
    return torch.optim.SGD(groups, recipe.rate, momentum=0.9)


class Run:
    """A training run that can be put aside and taken up again.

    Parameters
    ----------
    name : of the network.
    epochs : length of the run; the learning rate follows a cosine down to its end.
    seed : of weights, order of images and flips.
    """

    def __init__(self, name: str, epochs: int, seed: int) -> None:
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        recipe = self.recipe = RECIPES[name]
        self.name, self.epochs, self.seed = name, epochs, seed
        self.model = NETWORKS[name]()
        self.sparse = [m for m in self.model.modules() if isinstance(m, SparseShift)]
        self.images, self.labels = load("train")
        self.steps = len(self.images) // BATCH
        self.optimiser = make_optimiser(self.model, recipe)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimiser, epochs * self.steps
        )
        self.epoch = 0

    @property
    def state_file(self) -> Path:
        """Where an unfinished run is kept."""
        return CHECKPOINTS / f"{self.name}.state.pt"

    def save(self) -> None:
        """Keeps everything the next epoch depends on; never half a file."""
        state = {
            "epochs": self.epochs,
            "seed": self.seed,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        partial = self.state_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.state_file)

    def restore(self) -> None:
        """Goes back to what `save` kept."""
        if not self.state_file.exists():
            raise SlipstickError(
                f"File '{self.state_file.name}'",
                "is missing, so that there is no run to go on with",
                "leave --resume out",
            )
        state = torch.load(self.state_file, weights_only=True)
        if (state["epochs"], state["seed"]) != (self.epochs, self.seed):
            raise SlipstickError(
                f"File '{self.state_file.name}'",
                f"is of a run with --epochs {state['epochs']} --seed {state['seed']}",
                "give the same or leave --resume out",
            )
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])

    def train_epoch(self, progress: Progress, task: int) -> None:
        """One pass over the training images, each flipped or not."""
        self.model.train()
        order = torch.randperm(len(self.images))
        for step in range(self.steps):
            picked = order[step * BATCH : (step + 1) * BATCH]
            images = self.images[picked]
            flips = torch.rand(len(images)) < 0.5
            images = torch.where(flips[:, None, None, None], images.flip(3), images)
            loss = F.cross_entropy(self.model(images), self.labels[picked])
            for layer in self.sparse:
                loss = loss + self.recipe.sparsity * layer.penalty()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            progress.update(task, advance=1, description=f"loss {loss.item():.3f}")
        self.epoch += 1


def accuracy(model: torch.nn.Module) -> float:
    """Share of the 10,000 test images that ``model`` classifies right."""
    images, labels = load("t10k")
    model.eval()
    with torch.no_grad():
        right = [
            (model(x).argmax(1) == y).sum()
            for x, y in zip(images.split(500), labels.split(500), strict=True)
        ]
    return float(sum(right)) / len(labels)


def export(model: torch.nn.Module, sample: torch.Tensor, path: Path) -> None:
    """``model`` for any number of images; without stack traces, which name this machine's files."""
    batch = torch.export.Dim("batch")
    program = torch.export.export(model.eval(), (sample,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    partial = path.with_suffix(".partial.pt2")
    torch.export.save(program, partial)
    os.replace(partial, path)


def publish(run: Run) -> float:
    """Writes ``NAME.pt2`` and ``NAME.json``; returns the test accuracy."""
    measured = accuracy(run.model)
    export(run.model, run.images[:2].clone(), CHECKPOINTS / f"{run.name}.pt2")
    facts = {
        "network": run.name,
        "data": "Fashion-MNIST, pixel / 256",
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "epochs": run.epochs,
        "seed": run.seed,
        "test_accuracy": measured,
    }
    if run.sparse:
        moved = sum((1 - layer.sparsity()) * layer.channels for layer in run.sparse)
        facts["channels_moved"] = round(moved)
        facts["channels"] = sum(layer.channels for layer in run.sparse)
    text = json.dumps(facts, indent=1) + "\n"
    (CHECKPOINTS / f"{run.name}.json").write_text(text, encoding="utf-8")
    return measured


def positive(text: str) -> int:
    """A number of epochs or threads from the command line."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--epochs", type=positive, help="other than the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--threads", type=positive, default=1)
    return parser.parse_args()


def train(arguments: argparse.Namespace) -> None:
    """All epochs that are left, each saved; then the exported network."""
    CHECKPOINTS.mkdir(exist_ok=True)
    epochs = arguments.epochs or RECIPES[arguments.network].epochs
    run = Run(arguments.network, epochs, arguments.seed)
    if arguments.resume:
        run.restore()
    with Progress() as progress:
        task = progress.add_task("", total=run.epochs * run.steps, completed=run.epoch * run.steps)
        while run.epoch < run.epochs:
            run.train_epoch(progress, task)
            run.save()
    print(f"{run.name}: {100 * publish(run):.2f} % of the test images")
    run.state_file.unlink()


def main() -> None:
    """Trains as the command line says; a user's mistake is one line."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    try:
        train(arguments)
    except SlipstickError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
