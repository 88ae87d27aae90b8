"""Training on two processes under torchrun: the same weights on both, and a run that goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed
from training.place import Place
from training_runs import adder_layer_and_images, few, finished, make

from slipstick.nn.adder_ops import ETA

TESTS = Path(__file__).resolve().parent
SCRIPT = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "examples")!r}]
import torch
import train
from contextlib import nullcontext
from pathlib import Path
from training.place import placed
from training_runs import Silent, adder_layer_and_images, few, finished, make

torch.set_num_threads(1)
folder, data = Path(sys.argv[1]), few(128)
with placed("cpu") as place:
    def begin(name, file):
        return make(name, folder / file, data, place, epochs=2)

    whole = finished(begin("shiftaddnet_pruned_adder", "whole"))
    interrupted = begin("shiftaddnet_pruned_adder", "parts")
    interrupted.train_epoch(Silent(), 0)
    interrupted.save()
    torch.distributed.barrier()
    resumed = begin("shiftaddnet_pruned_adder", "parts")
    resumed.restore()
    assert resumed.epoch == 1
    finished(resumed)
    frozen = finished(begin("shift_lenet_pow2", "frozen"))
    runs = dict(whole=whole, resumed=resumed, frozen=frozen)
    states = {{name: run.model.state_dict() for name, run in runs.items()}}
    layer, images = adder_layer_and_images()
    _, parallel = place.wrap(layer)
    parallel(place.share(images)).square().mean().backward()
    found = {{"ranks": place.ranks, "gradient": layer.adder.grad}}
    torch.save(states | found, folder / f"rank{{place.rank}}.pt")

    train.fashion_mnist = lambda device: data
    # A second process group in one process would find the addresses of the first.
    train.placed = lambda device: nullcontext(place)
    sys.argv = ["train.py", "s3", "--epochs", "1", "-o", str(folder / "results")]
    train.main()
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The state dicts of three runs, as each of two processes ended with them.

    The command line is tried as well: one of them writes and prints.
    """
    folder = tmp_path_factory.mktemp("parallel")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, script, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("s3: ") == 1
    assert {path.name for path in (folder / "results").iterdir()} == {"s3.json", "s3.pt2"}
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def alone(name, tmp_path):
    """A run of one process."""
    return make(name, tmp_path / "state.pt", few(128), epochs=2)


needs_torchrun = pytest.mark.skipif(not distributed.is_available(), reason="torch without torchrun")


@needs_torchrun
def test_ranks_end_with_the_same_weights(ranks, tmp_path):
    first, second = ranks
    assert first["ranks"] == second["ranks"] == 2
    run = alone("shiftaddnet_pruned_adder", tmp_path)
    names = [name for name, _ in run.model.named_parameters()]
    assert all(torch.equal(first["whole"][name], second["whole"][name]) for name in names)
    assert not all(
        torch.equal(first["whole"][name], run.model.state_dict()[name]) for name in names
    )
    for name, mask in run.masks.items():
        assert torch.equal(first["whole"][name] == 0, mask == 0)


@needs_torchrun
def test_interrupted_ranks_go_on(ranks):
    first = ranks[0]
    for name, value in first["whole"].items():
        assert torch.equal(first["resumed"][name], value), name


@needs_torchrun
def test_two_ranks_do_what_one_does(ranks, tmp_path):
    # Its statistics are fixed, so that a batch may be split; sums of floats still differ.
    run = finished(alone("shift_lenet_pow2", tmp_path))
    start = alone("shift_lenet_pow2", tmp_path).model.state_dict()
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(ranks[0]["frozen"][name], value, rtol=1e-3, atol=1e-4)
    assert any(not torch.equal(value, start[name]) for name, value in ranks[0]["frozen"].items())


@needs_torchrun
def test_adder_gradients_are_the_mean_of_scaled_ones(ranks):
    gradients = []
    for rank in (0, 1):
        layer, images = adder_layer_and_images()
        layer(Place(torch.device("cpu"), rank, 2).share(images)).square().mean().backward()
        gradients.append(layer.adder.grad)
    mean = (gradients[0] + gradients[1]) / 2
    torch.testing.assert_close(ranks[0]["gradient"], mean)
    # Each has AdderNet's length; their mean is shorter.
    length = ETA * layer.adder.numel() ** 0.5
    torch.testing.assert_close(gradients[0].norm(), torch.tensor(length))
    assert mean.norm() < 0.999 * length
