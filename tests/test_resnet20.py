"""ResNet-20 of each kind: compiled in minutes, and one frame bit-exact at every layer."""

import time

import pytest
import torch
from resnet20 import random_resnet20

import slipstick


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adder", "shift", "shiftadd"])
def test_resnet20_is_bit_exact_at_every_layer(kind, tmp_path):
    model = random_resnet20(kind)
    start = time.process_time()
    with pytest.warns(UserWarning, match="no calibration images"):
        build = slipstick.compile(model, torch.rand(4, 3, 32, 32), output=tmp_path / kind)
    assert time.process_time() - start < 180
    result = build.simulate(fast=True, frames=1)
    assert result.layers_compared == len(build.manifest.streams)
    assert result.layers_compared >= 31
    assert result.mismatches == 0
