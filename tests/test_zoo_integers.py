"""Networks of the zoo on small images: each becomes an integer graph that computes nearly that."""

import pytest
import torch
from quantising import FINE, error, images_like, trained_like

from slipstick.frontend import export_module, import_program
from slipstick.quantise import quantise
from slipstick.zoo import NETWORKS, build

ONE_SIZE = ("mnist", "lenet5", "vgg", "iot")
"""Parts of the names of networks whose classifiers fix the size of the image."""

VARIANTS = (
    ("shiftresnet20_sc2_e3", {"dilation": 2, "order": "contiguous"}),
    ("shiftresnet20_paper_e6", {"sc2": True, "dilation": 2}),
    ("shiftnet_c", {"sc2": True}),
    ("shiftresnet_ssl20", {}),
    ("fenet", {"gate": True, "rows": ((1, 16, 1, 1), (6, 24, 3, 2))}),
    ("addressnet20", {"enhanced": True}),
    ("deepshift_mnist_fc", {"method": "ps"}),
    ("deepshift_mnist_conv", {}),
    ("deepshift_resnet20", {}),
    ("addernet_lenet5", {}),
    ("addernet_resnet20", {}),
    ("shiftaddnet_resnet20", {}),
    ("shiftaddnet_iot_uschad", {"fixed": True}),
    ("shiftaddnet_iot_mhealth", {}),
    ("s3_resnet20", {}),
    ("denseshift_resnet20", {}),
    # Its activations have uneven levels, those of the circuit even ones.
    ("apot_resnet20", {"activation_bits": None}),
)
QUICK = [name for name, _ in VARIANTS]


AMPLIFIED = {"addernet_resnet50": 0.5, "diracdeltanet": 0.3}
"""Bounds of the error where depth amplifies it in weights that are not trained."""


def integer_error(name, **options):
    torch.manual_seed(0)
    shape = NETWORKS[name].input_shape
    if not any(part in name for part in ONE_SIZE):
        shape = (3, 8, 8) if shape == (3, 32, 32) else (3, 64, 64)
    images = images_like(shape, 8)
    source = import_program(export_module(trained_like(build(name, **options), images), images))
    return error(source, quantise(source, images, FINE), images)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_one_network_of_each_kind(name, options):
    assert integer_error(name, **options) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in QUICK])
def test_every_other_network(name):
    options = {"activation_bits": None} if name.startswith("apot") else {}
    assert integer_error(name, **options) < AMPLIFIED.get(name, 0.1)
