"""BatchNorms with scales of powers of two: formula, gradient, and the way back to plain ones."""

import pytest
import torch
from torch import nn

from slipstick.config import Config, QuantiseOptions
from slipstick.frontend import export_module, import_program
from slipstick.graph import Affine
from slipstick.nn import PowerOfTwoNorm, ShiftConv2d, freeze_norms, plain_norms
from slipstick.nn.pow2_norm import nearest_power
from slipstick.quantise import quantise


def trained_norm(channels=6, dtype=torch.float64, kind=nn.BatchNorm2d):
    torch.manual_seed(5)
    norm = kind(channels, dtype=dtype)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
        norm.running_mean.normal_(0, 3)
        norm.running_var.uniform_(0.01, 20)
    return norm.eval()


def is_power(values):
    mantissa, _ = torch.frexp(values)
    return bool((mantissa.abs() == 0.5).all())


def test_nearest_power():
    root = 2**0.5
    values = torch.tensor([0.0, 1, -1, 1.41, 1.42, -3 * root, 0.25 * root + 0.01, 1e-30])
    assert nearest_power(values).tolist() == [0, 1, -1, 1, 2, -4, 0.5, 2.0**-100]


def test_forward_keeps_the_mean_of_each_channel():
    norm = trained_norm()
    layer = PowerOfTwoNorm(norm)
    sigma = torch.sqrt(norm.running_var + norm.eps)
    scale = nearest_power(norm.weight / sigma)
    assert is_power(layer.scale())
    assert torch.equal(layer.scale(), scale)
    at_mean = norm.running_mean.view(1, -1, 1, 1).expand(2, -1, 3, 3)
    torch.testing.assert_close(layer(at_mean), norm.bias.view(1, -1, 1, 1).expand(2, -1, 3, 3))
    one_further = layer(at_mean + 1) - layer(at_mean)
    torch.testing.assert_close(one_further, scale.view(1, -1, 1, 1).expand(2, -1, 3, 3))


def test_gradients_pass_straight_through_the_rounding():
    norm = trained_norm()
    layer = PowerOfTwoNorm(norm)
    x = torch.randn(4, 6, 5, 5, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    layer(x).backward(upstream)
    sigma = torch.sqrt(norm.running_var + norm.eps)
    centred = x.detach() - norm.running_mean.view(1, -1, 1, 1)
    torch.testing.assert_close(layer.weight.grad, (upstream * centred).sum((0, 2, 3)) / sigma)
    torch.testing.assert_close(layer.bias.grad, upstream.sum((0, 2, 3)))
    # The input's gradient is that of what is computed, the rounded scale.
    assert torch.equal(x.grad, upstream * layer.scale().detach().view(1, -1, 1, 1))


def test_training_changes_no_statistics():
    layer = PowerOfTwoNorm(trained_norm()).train()
    before = layer.mean.clone(), layer.deviation.clone()
    layer(torch.randn(4, 6, 5, 5, dtype=torch.float64))
    assert torch.equal(layer.mean, before[0])
    assert torch.equal(layer.deviation, before[1])


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_plain_norm_does_the_same_exactly(kind):
    layer = PowerOfTwoNorm(trained_norm(kind=kind))
    plain = layer.plain()
    assert type(plain) is kind
    assert torch.equal(plain.weight / torch.sqrt(plain.running_var + plain.eps), layer.scale())
    assert torch.equal(plain.running_mean, layer.mean)
    assert torch.equal(plain.bias, layer.bias)


def test_norms_of_a_module_there_and_back():
    norm = trained_norm(dtype=torch.float32)
    module = nn.Sequential(nn.Conv2d(1, 6, 1), norm, nn.Sequential(norm), nn.ReLU()).eval()
    frozen = freeze_norms(module)
    # One layer used twice stays one.
    assert isinstance(frozen[1], PowerOfTwoNorm)
    assert frozen[1] is frozen[2][0]
    assert module[1] is norm
    plain = plain_norms(frozen)
    assert type(plain[1]) is nn.BatchNorm2d
    assert not any(layer.training for layer in plain.modules())
    x = torch.randn(3, 1, 4, 4)
    assert torch.equal(plain(x), frozen(x))
    alone = freeze_norms(norm)
    assert type(alone) is PowerOfTwoNorm
    assert not alone.training
    assert freeze_norms(norm.train()).training


def test_norms_across_processes_are_plain_afterwards():
    norm = trained_norm(dtype=torch.float32)
    shared = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(norm)).eval()
    plain = plain_norms(freeze_norms(shared))
    assert type(plain[0]) is nn.BatchNorm2d
    assert torch.equal(
        plain[0].weight, nearest_power(norm.weight / (norm.running_var + 1e-5) ** 0.5)
    )


def test_no_statistics_are_an_error():
    with pytest.raises(ValueError, match="must have running statistics"):
        PowerOfTwoNorm(nn.BatchNorm2d(3, track_running_stats=False))


def test_one_term_is_exact():
    torch.manual_seed(6)
    norm = trained_norm(8, torch.float32)
    module = nn.Sequential(ShiftConv2d(3, 8, 3, bias=False), norm, nn.ReLU()).eval()
    images = torch.rand(32, 3, 6, 6)
    plain = plain_norms(freeze_norms(module))
    source = import_program(export_module(plain, images))
    graphs = [
        quantise(source, images, Config(quantise=QuantiseOptions(bn_terms=terms)))
        for terms in (1, 4)
    ]
    one, four = (graph[graph.output] for graph in graphs)
    assert isinstance(one, Affine)
    assert one.exponent.shape[0] == 1
    # More terms would change nothing: the scales need no second one.
    for field in ("exponent", "sign", "bias", "shift", "lo", "hi", "frac"):
        assert (
            (getattr(one, field) == getattr(four, field)).all()
            if hasattr(getattr(one, field), "all")
            else getattr(one, field) == getattr(four, field)
        )
