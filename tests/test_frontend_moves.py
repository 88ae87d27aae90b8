"""Moves of values: what is imported computes what the module computes, and refuses the rest."""

import pytest
import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import FloatMove, export_module, import_program, run_float
from slipstick.nn import (
    AddressShift,
    ChannelShift,
    FiveDirectionShift,
    GroupedShift,
    QuarterRotate,
    SparseShift,
)

CHANNELS = 12


class Moving(nn.Module):
    """A layer, so that the model is not empty, and a move."""

    def __init__(self, move):
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 1)
        self.move = move

    def forward(self, x):
        return self.move(self.stem(x))


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def far():
    """Learnt displacements beyond the image, halves among them."""
    layer = SparseShift(CHANNELS)
    with torch.no_grad():
        layer.alpha.copy_(torch.linspace(-8, 8, CHANNELS))
        layer.beta.copy_(torch.arange(CHANNELS) / 2 - 2)
    return layer


MOVES = {
    "grouped": lambda: GroupedShift(CHANNELS, 3),
    "grouped, contiguous, dilated": lambda: GroupedShift(CHANNELS, 3, 2, "contiguous"),
    "sparse": far,
    "address": lambda: AddressShift(CHANNELS, "rluds"),
    "address, zero": lambda: AddressShift(CHANNELS, "rlud", "zero"),
    "five directions": lambda: FiveDirectionShift(CHANNELS),
    "channels": lambda: ChannelShift(CHANNELS, 5),
    "quarter": lambda: QuarterRotate(CHANNELS),
    "roll": lambda: Call(lambda x: torch.roll(x, -5, 1)),
    "slice": lambda: Call(lambda x: x[:, 2:-3]),
    "every third": lambda: Call(lambda x: x[:, 1::3]),
    "padded": lambda: Call(lambda x: nn.functional.pad(x, (0, 0, 0, 0, 2, 3))),
    "narrow": lambda: Call(lambda x: x.narrow(1, 4, 5)),
}


@pytest.mark.parametrize("kind", MOVES)
def test_move_is_imported(kind):
    module = Moving(MOVES[kind]()).eval()
    images = torch.randn(2, 3, 5, 6)
    graph = import_program(export_module(module, images))
    assert sum(isinstance(node, FloatMove) for node in graph.nodes) == 1
    with torch.no_grad():
        torch.testing.assert_close(
            run_float(graph, images)[graph.output], module(images), rtol=0, atol=0
        )


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda x: x[:, :, 1:], "it takes part of dimension 2"),
        (lambda x: nn.functional.pad(x, (1, 1)), "it pads by"),
        (lambda x: nn.functional.pad(x, (0, 0, 0, 0, 1, 1), value=2.0), "something else than 0"),
        (lambda x: torch.roll(x, 1, 3), "it takes part of dimension 3"),
        (lambda x: torch.roll(x, (1, 1), (2, 3)), "it rolls dimensions"),
    ],
)
def test_what_is_no_move_of_channels_is_refused(function, cause):
    program = export_module(Moving(Call(function)), torch.zeros(2, 3, 5, 6))
    with pytest.raises(SlipstickError, match=cause):
        import_program(program)


def test_displacements_must_be_finite():
    layer = SparseShift(CHANNELS)
    layer.alpha.data[3] = float("nan")
    program = export_module(Moving(layer), torch.zeros(2, 3, 5, 6))
    with pytest.raises(SlipstickError, match="must be finite, found 1 NaN"):
        import_program(program)


def test_every_other_row_and_column():
    module = Moving(Call(lambda x: x[:, :, ::2, ::3])).eval()
    images = torch.randn(2, 3, 5, 7)
    graph = import_program(export_module(module, images))
    with torch.no_grad():
        torch.testing.assert_close(
            run_float(graph, images)[graph.output], module(images), rtol=0, atol=0
        )
