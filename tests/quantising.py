"""Networks as if they were trained, quantised."""

import torch
from torch import nn

from slipstick.config import Config, QuantiseOptions
from slipstick.frontend import export_module, import_program, run_float
from slipstick.graph import run
from slipstick.quantise import quantise, quantise_input

SIZE = (1, 12, 12)


def images_like(shape, count=32, signed=False):
    noise = torch.rand(count, *shape)
    return noise * 2 - 1 if signed else noise


def trained_like(module, images):
    """Gives BatchNorms the statistics they would have after training, and sets eval mode."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = None
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 1)
    module.train()
    with torch.no_grad():
        module(images)
    return module.eval()


def config(layers=None, **options):
    return Config(quantise=QuantiseOptions(**options), layer=layers or {})


FINE = config(activation_bits=16, weight_bits=16, bn_terms=4)


def lowered(module, shape=SIZE, settings=None, signed=False):
    """Float graph, integer graph and images of ``module``."""
    images = images_like(shape, signed=signed)
    source = import_program(export_module(trained_like(module, images), images))
    return source, quantise(source, images, settings or Config()), images


def real(graph, values, name):
    return values[name].double() * 2.0 ** -graph.tensors[name].frac


def error(source, graph, images):
    """Root mean square error of the result, relative to its spread."""
    expected = run_float(source, images)[source.output].double()
    found = real(graph, run(graph, quantise_input(graph, images)), graph.output)
    return float((found - expected).square().mean().sqrt() / expected.std())
