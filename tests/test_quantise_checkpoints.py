"""The shipped networks: as integers they are right as often as they were trained to be."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from slipstick.config import Config
from slipstick.frontend import import_program, load_program, run_float
from slipstick.quantise import float_accuracy, integer_accuracy, quantise, quantise_input

EXAMPLES = Path(__file__).parents[1] / "examples"
CHECKPOINTS = sorted((EXAMPLES / "checkpoints").glob("*.pt2"))
ALL_IMAGES = Path("/usr/share/datasets/fashion-mnist")


def shipped(name):
    with np.load(EXAMPLES / "data" / f"fashion_mnist_{name}.npz") as file:
        return torch.from_numpy(file["images"]), torch.from_numpy(file["labels"])


def all_test_images():
    """The 10,000 of Debian's dataset-fashion-mnist, as the networks take them."""

    def read(name, offset):
        content = gzip.decompress((ALL_IMAGES / f"t10k-{name}-ubyte.gz").read_bytes())
        return torch.from_numpy(np.frombuffer(content, np.uint8, offset=offset).copy())

    pixels = read("images-idx3", 16).view(-1, 1, 28, 28)
    return pixels / 256, read("labels-idx1", 8).long()


@pytest.fixture(params=CHECKPOINTS, ids=lambda path: path.stem)
def network(request):
    source = import_program(load_program(request.param))
    images, _ = shipped("calibration")
    return source, quantise(source, images, Config())


def test_few_images(network):
    source, graph = network
    images, labels = shipped("test")
    before = float_accuracy(source, images, labels)
    after = integer_accuracy(graph, quantise_input(graph, images), labels)
    assert before > 0.85
    # 1 % is five images.
    assert abs(after - before) <= 0.01


def test_input_loses_nothing(network):
    _, graph = network
    images, _ = shipped("test")
    assert (quantise_input(graph, images) * 2.0**-graph.input.frac == images).all()


@pytest.mark.skipif(not ALL_IMAGES.is_dir(), reason="dataset-fashion-mnist is not installed")
@pytest.mark.slow
def test_all_images(network):
    source, graph = network
    images, labels = all_test_images()
    before = float_accuracy(source, images, labels)
    after = integer_accuracy(graph, quantise_input(graph, images), labels)
    assert abs(after - before) <= 0.005


def test_batches_are_executed_alike(network):
    source, _ = network
    images, _ = shipped("test")
    one, two = (run_float(source, part)[source.output] for part in (images[:2], images[:1]))
    torch.testing.assert_close(one[:1], two, rtol=1e-4, atol=1e-2)
