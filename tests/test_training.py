"""The recipe runner of the examples: every recipe, same seeds, interruptions, command line."""

import functools
import json
import sys
import tempfile
from pathlib import Path

import pytest
import torch
import train as program
from sweep_lambda import sweep
from torch import nn
from training.data import Data
from training.place import Place, placed
from training.publish import publish
from training.recipes import CONVERTED, POWER_OF_TWO, PRUNED, RECIPES, SCRATCH, Phase, Recipe
from training_runs import Silent, few, finished, make, same

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.fold import FoldChoices, plan
from slipstick.frontend import import_program, load_program, run_float
from slipstick.nn import PowerOfTwoNorm, SparseShift, plain_norms
from slipstick.quantise import quantise


@pytest.fixture(autouse=True)
def _deterministic():
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def state_file(tmp_path):
    return tmp_path / "run.state.pt"


@functools.cache
def trained(name):
    """A run of one step a phase."""
    with tempfile.TemporaryDirectory() as folder:
        return finished(make(name, Path(folder) / "run.state.pt", few(128)))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_a_step(name):
    run = trained(name)
    assert len(run.results) == len(run.recipe.phases)
    assert all(parameter.isfinite().all() for parameter in run.model.parameters())


@pytest.mark.parametrize("name", [*SCRATCH, *CONVERTED, *PRUNED, "shift_lenet_pow2"])
def test_results_compile(name, tmp_path):
    run = trained(name)
    publish(run, name, tmp_path)
    source = import_program(load_program(tmp_path / f"{name}.pt2"))
    images = run.data.images[:8]
    expected = plain_norms(run.model).eval()(images).detach()
    result = run_float(source, images)[source.output].flatten(1)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-2)
    plan(quantise(source, images, Config()), FoldChoices(256, None, {}))
    facts = json.loads((tmp_path / f"{name}.json").read_text())
    assert facts["test_accuracy"] == run.results[-1].after


def test_same_seed_same_network(state_file):
    one, two, other = (finished(make("apot", state_file, seed=seed)) for seed in (3, 3, 4))
    assert same(one.model, two.model)
    assert not same(one.model, other.model)


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("lenet_to_ps", 2),
        ("lenet_to_ps", 3),
        ("shiftaddnet_pruned_adder", 1),
        ("sparse_shiftnet", 1),
    ],
)
def test_interrupted_runs_end_alike(name, stop, state_file):
    data = few(128)
    undisturbed = finished(make(name, state_file, data, epochs=2))
    interrupted = make(name, state_file, data, epochs=2)
    for _ in range(stop):
        interrupted.train_epoch(Silent(), 0)
        interrupted.save()
    # Whatever is drawn in between must not matter.
    torch.rand(7)
    resumed = make(name, state_file, data, epochs=2)
    resumed.restore()
    assert resumed.step == stop
    finished(resumed)
    assert same(resumed.model, undisturbed.model)
    assert resumed.results == undisturbed.results


def test_only_the_same_run_is_resumed(state_file):
    run = make("s3", state_file)
    with pytest.raises(SlipstickError, match="is missing, so that there is no run"):
        run.restore()
    run.train_epoch(Silent(), 0)
    run.save()
    other = r"is of another run \(epochs \[1\], seed 0, images 256\); give the same options"
    for change in ({"seed": 1}, {"epochs": 2}, {"data": few(128)}):
        with pytest.raises(SlipstickError, match=other):
            make("s3", state_file, **change).restore()


@pytest.mark.parametrize("kind", ["shift", "adder"])
def test_pruned_weights_stay_zero(kind):
    run = trained(f"shiftaddnet_pruned_{kind}")
    zeros = [run.model.get_parameter(name) == 0 for name in run.masks]
    pruned = sum(int(zero.sum()) for zero in zeros)
    assert pruned == round(0.5 * sum(zero.numel() for zero in zeros))
    for zero, mask in zip(zeros, run.masks.values(), strict=True):
        assert torch.equal(zero, mask == 0)


@pytest.mark.parametrize("name", POWER_OF_TWO)
def test_scales_are_powers_of_two(name):
    model = trained(name).model
    norms = [layer for layer in model.modules() if isinstance(layer, PowerOfTwoNorm)]
    plain = [m for m in plain_norms(model).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(plain) == len(norms) > 0
    for norm in plain:
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        assert (torch.frexp(scale)[0].abs() == 0.5).all()


def test_a_batch_is_shared_out():
    batch = torch.arange(128)
    parts = [Place(torch.device("cpu"), rank, 4).share(batch) for rank in range(4)]
    assert {len(part) for part in parts} == {32}
    assert torch.equal(torch.cat(parts).sort().values, batch)


def test_a_batch_that_cannot_be_shared_out(state_file):
    with pytest.raises(SlipstickError, match="must divide the batch of 128 images, not be 3"):
        make("s3", state_file, place=Place(torch.device("cpu"), 0, 3))


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with placed("cpu") as place:
        assert place == Place(torch.device("cpu"), 0, 1)
        assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu():
    with placed("auto") as place:
        assert place.device.type == "cpu"
    with pytest.raises(SlipstickError, match="needs a GPU, and torch sees none"), placed("cuda"):
        pass


def call(monkeypatch, folder, *arguments):
    """Runs ``train.py`` on few images; results go into ``folder``."""
    monkeypatch.setattr(program, "fashion_mnist", lambda device: few(128))
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments, "-o", str(folder)])
    threads = torch.get_num_threads()
    try:
        program.main()
    finally:
        torch.set_num_threads(threads)


def test_command_line(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "new" / "results"
    call(monkeypatch, folder, "s3", "--epochs", "2", "--seed", "5")
    assert capsys.readouterr().out.splitlines()[-1].startswith("s3: ")
    assert sorted(path.name for path in folder.iterdir()) == ["s3.json", "s3.pt2"]
    facts = json.loads((folder / "s3.json").read_text())
    assert (facts["network"], facts["epochs"], facts["seed"]) == ("s3", 2, 5)


def test_a_mistake_is_one_line(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, tmp_path, "s3", "--resume")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: File 's3.state.pt': is missing, so that there is no run to go on with; "
        "leave --resume out"
    ]


class Stripes(nn.Module):
    """Tells stripes from columns: only what a channel sees beside itself can."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(1, 8, 1, bias=False)
        self.move = SparseShift(8)
        self.norm = nn.BatchNorm2d(8)
        self.linear = nn.Linear(8, 2)

    def forward(self, x):
        y = self.norm(self.move(self.mix(x)) - x)
        return self.linear(torch.relu(y).mean((2, 3)))


def stripes(count, generator):
    """Random rows or random columns, 8x8: moved along them, they do not change."""
    lines = torch.rand(count, 1, 8, 1, generator=generator)
    labels = torch.arange(count) % 2
    images = lines.expand(-1, -1, 8, 8)
    return torch.where(labels[:, None, None, None] == 0, images, images.mT).contiguous(), labels


def test_sparsity_grows_with_lambda():
    generator = torch.Generator().manual_seed(1)
    data = Data(*stripes(256, generator), *stripes(200, generator))
    recipe = Recipe(Stripes, (Phase("adam", 2e-2, 60),))
    points = list(sweep(recipe, (0.0, 3e-2, 1.0), data, Place(torch.device("cpu"))))
    none, some, much = points
    assert none.sparsity < some.sparsity < much.sparsity == 1
    # The displacements that are left are the ones that are needed; without any it is a guess.
    assert min(none.accuracy, some.accuracy) > 0.95
    assert much.accuracy < 0.7
