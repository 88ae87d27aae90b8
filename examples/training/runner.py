"""A training run that can be put aside and taken up again."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from rich.progress import Progress

from slipstick.errors import SlipstickError
from slipstick.nn import S3Conv2d, SparseShift, hold_zeros, prune
from training.data import Data, accuracy
from training.optimisers import make_optimiser
from training.place import Place
from training.recipes import Recipe
from training.shipped import shipped_weights

BATCH = 128
"""Images a step, of all ranks together."""


@dataclass
class PhaseResult:
    """Accuracies on the test images, of which ``before`` is after the phase's change."""

    epochs: int
    before: float
    after: float


class Run:
    """A network on its way through the phases of a recipe.

    Parameters
    ----------
    recipe : phases in turn; their schedules depend on the number of images.
    data : images, on the device of ``place``.
    place : device, and share of each batch.
    seed : of weights, order of images and flips.
    state_file : where an unfinished run is kept.

    Attributes
    ----------
    model : the network, in training mode while an epoch lasts.
    results : of the phases that have ended.
    """

    def __init__(
        self, recipe: Recipe, data: Data, place: Place, seed: int, state_file: Path
    ) -> None:
        if BATCH % place.ranks:
            raise SlipstickError(
                "Option '--nproc-per-node'",
                f"must divide the batch of {BATCH} images, not be {place.ranks}",
                "choose a power of two",
            )
        torch.manual_seed(seed)
        self.recipe, self.data, self.place, self.seed = recipe, data, place, seed
        self.state_file = state_file
        self.steps = len(data.images) // BATCH
        self.results: list[PhaseResult] = []
        self.masks: dict[str, torch.Tensor] = {}
        self.model = recipe.network()
        if recipe.start:
            self.model.load_state_dict(shipped_weights(recipe.start))
        self._begin(0)

    @property
    def done(self) -> bool:
        """Whether all phases have ended."""
        return len(self.results) == len(self.recipe.phases)

    @property
    def step(self) -> int:
        """Steps taken so far, in all phases."""
        before = sum(phase.epochs for phase in self.recipe.phases[: self.phase])
        return (before + self.epoch) * self.steps

    @property
    def all_steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.epochs for phase in self.recipe.phases) * self.steps

    def _begin(self, index: int) -> None:
        """Changes the network as phase ``index`` asks for, and makes its optimiser."""
        phase = self.recipe.phases[index]
        self.phase, self.epoch = index, 0
        model = phase.change(self.model) if phase.change else self.model
        self.model, self.parallel = self.place.wrap(model)
        if phase.pruning:
            self.masks |= prune(self.model, phase.pruning.kind, phase.pruning.share)
        penalised = [m for m in self.model.modules() if isinstance(m, SparseShift | S3Conv2d)]
        self.penalised = penalised if phase.penalty else []
        self.optimiser = make_optimiser(self.model, phase)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimiser, phase.epochs * self.steps
        )

    def finish(self, progress: Progress) -> None:
        """All epochs that are left, each saved."""
        task = progress.add_task("", total=self.all_steps, completed=self.step)
        while not self.done:
            self.train_epoch(progress, task)
            self.save()

    def train_epoch(self, progress: Progress, task: int) -> None:
        """One pass over the training images; behind a phase's last one the next phase begins."""
        if self.epoch == 0:
            self.before = accuracy(self.model, self.data)
        self.model.train()
        order = torch.randperm(len(self.data.images))
        for step in range(self.steps):
            loss = self._train_step(order[step * BATCH : (step + 1) * BATCH])
            progress.update(task, advance=1, description=f"loss {loss:.3f}")
        self.epoch += 1
        if self.epoch == self.recipe.phases[self.phase].epochs:
            after = accuracy(self.model, self.data)
            self.results.append(PhaseResult(self.epoch, self.before, after))
            if not self.done:
                self._begin(self.phase + 1)

    def _train_step(self, picked: torch.Tensor) -> float:
        """One step on this rank's share of the ``picked`` images, each flipped or not."""
        flips = self.place.share(torch.rand(len(picked)) < 0.5).to(self.place.device)
        picked = self.place.share(picked).to(self.place.device)
        images = self.data.images[picked]
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
        loss = F.cross_entropy(self.parallel(images), self.data.labels[picked])
        for layer in self.penalised:
            loss = loss + self.recipe.phases[self.phase].penalty * layer.penalty()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        hold_zeros(self.model, self.masks)
        self.schedule.step()
        return loss.item()

    @property
    def identity(self) -> dict[str, Any]:
        """What a kept state must share with the run that goes on with it."""
        epochs = [phase.epochs for phase in self.recipe.phases]
        return {"epochs": epochs, "seed": self.seed, "images": len(self.data.images)}

    def save(self) -> None:
        """Keeps everything the next epoch depends on; never half a file."""
        if not self.place.first:
            return
        state = self.identity | {
            "phase": self.phase,
            "epoch": self.epoch,
            "before": self.before,
            "results": [asdict(result) for result in self.results],
            "masks": self.masks,
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
        state = torch.load(self.state_file, map_location=self.place.device, weights_only=True)
        kept = {key: state.get(key) for key in self.identity}
        if kept != self.identity:
            told = ", ".join(f"{key} {value}" for key, value in kept.items())
            raise SlipstickError(
                f"File '{self.state_file.name}'",
                f"is of another run ({told})",
                "give the same options or leave --resume out",
            )
        for index in range(1, state["phase"] + 1):
            self._begin(index)
        self.epoch, self.before = state["epoch"], state["before"]
        self.results = [PhaseResult(**result) for result in state["results"]]
        self.masks = state["masks"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"].cpu())
