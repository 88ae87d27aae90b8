"""Operations and values moved, layer by layer, from a traced run.

What is counted, for one image:

| operator | multiplications | additions | shifts |
|---|---|---|---|
| convolution, linear layer | 1 a tap | 1 a tap | |
| shift layer | | 1 a tap | 1 a tap |
| APoT layer | | 1 to 3 a tap: the terms of a weight | as many |
| adder layer | | 2 a tap: a subtraction and an accumulation | |
| BatchNorm | 1 a value | 1 a value | |
| addition of tensors | | 1 a value | |
| average pool of a power of two values | | 1 a value read | 1 a value made |
| gate of powers of two | | | 1 a value |
| other average pool | 1 a value made | 1 a value read | |

A tap is one weight at one position of the output, padding included and zero weights too, since
both depend on data that an untrained network has not. The first tap's addition is that to the
bias, or to 0. Absolute values, ReLU, rounding, max pools and moves of data are not operations, nor
is what depends on weights alone. This is how AdderNet counts, which gives an adder layer twice the
additions of a convolution.

Memory: every weight is read once, every operator reads its inputs and writes its output once;
nothing is fused and nothing stays in a register. The number of values is counted, not their bytes.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import fx, nn

import slipstick.nn  # noqa: F401  registers the custom ops
from slipstick.errors import SlipstickError
from slipstick.nn.apot_ops import TERMS


@dataclass(frozen=True)
class Work:
    """Counts that add up.

    Parameters
    ----------
    taps : weights applied, at every position: what papers call multiply-accumulates.
    multiplications, additions, shifts : operations.
    weights, reads, writes : values of weights read, of activations read and written.
    """

    taps: int = 0
    multiplications: int = 0
    additions: int = 0
    shifts: int = 0
    weights: int = 0
    reads: int = 0
    writes: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Work)))


@dataclass(frozen=True)
class LayerCount:
    """One operator: its module's name, its kind, its output's (C, H, W) or (F,), its work."""

    name: str
    kind: str
    shape: tuple[int, ...]
    work: Work


@dataclass(frozen=True)
class Counts:
    """All operators of a network in the order they run."""

    layers: tuple[LayerCount, ...]

    @property
    def total(self) -> Work:
        """The sum over the layers."""
        return sum((layer.work for layer in self.layers), Work())


def count(module: nn.Module, input_shape: Sequence[int]) -> Counts:
    """What ``module`` in eval mode does for one image of ``input_shape`` (C, H, W) or (F,).

    Raises `SlipstickError` for an operator that the rules above do not name: nothing is taken for
    free silently.
    """
    was_training = module.training
    try:
        with torch.no_grad():
            image = torch.zeros(1, *input_shape)
            program = torch.export.export(module.eval(), (image,))
    finally:
        module.train(was_training)
    layers = (_layer(node) for node in program.graph.nodes if node.op == "call_function")
    return Counts(tuple(layer for layer in layers if layer is not None))


Rule = Callable[[fx.Node], Work]


def _multiply(node: fx.Node) -> Work:
    taps = _taps(node)
    return Work(taps, multiplications=taps, additions=taps, weights=_weights(node))


def _shift(node: fx.Node) -> Work:
    taps = _taps(node)
    return Work(taps, additions=taps, shifts=taps, weights=_weights(node))


def _additive(node: fx.Node) -> Work:
    """A layer of APoT; its largest level and its bound are a factor of what follows."""
    taps, weight_bits = _taps(node), node.args[-1]
    assert isinstance(weight_bits, int)
    operations = taps * len(TERMS[weight_bits - 1])
    return Work(taps, additions=operations, shifts=operations, weights=_weights(node))


def _adder(node: fx.Node) -> Work:
    taps = _taps(node)
    return Work(taps, additions=2 * taps, weights=_weights(node))


def _batch_norm(node: fx.Node) -> Work:
    size = _size(node)
    return Work(multiplications=size, additions=size, weights=2 * _shape(node)[0])


def _add(node: fx.Node) -> Work:
    return Work(additions=_size(node))


def _average(node: fx.Node) -> Work:
    size = _size(node)
    window = _window(node)
    if window & (window - 1):
        return Work(additions=size * window, multiplications=size)
    return Work(additions=size * window, shifts=size)


def _gate(node: fx.Node) -> Work:
    return Work(shifts=_size(node))


def _sparse_shift(node: fx.Node) -> Work:
    return Work(weights=2 * _shape(node)[0])


def _nothing(node: fx.Node) -> Work:
    return Work()


RULES: dict[str, tuple[str, Rule]] = {
    "aten.conv2d.default": ("multiply", _multiply),
    "aten.conv2d.padding": ("multiply", _multiply),
    "aten.linear.default": ("multiply", _multiply),
    "slipstick.shift_conv2d.default": ("shift", _shift),
    "slipstick.shift_conv2d_ps.default": ("shift", _shift),
    "slipstick.shift_linear.default": ("shift", _shift),
    "slipstick.shift_linear_ps.default": ("shift", _shift),
    "slipstick.fixed_shift_conv2d.default": ("shift", _shift),
    "slipstick.s3_conv2d.default": ("shift", _shift),
    "slipstick.denseshift_conv2d.default": ("shift", _shift),
    "slipstick.apot_conv2d.default": ("additive", _additive),
    "slipstick.apot_linear.default": ("additive", _additive),
    "slipstick.apot_activation.default": ("round", _nothing),
    "slipstick.round_half_even.default": ("round", _nothing),
    "slipstick.adder_conv2d.default": ("adder", _adder),
    "slipstick.adder_linear.default": ("adder", _adder),
    "slipstick.power_of_two_gate.default": ("gate", _gate),
    "aten.batch_norm.default": ("batch_norm", _batch_norm),
    "aten.add.Tensor": ("add", _add),
    "aten.avg_pool2d.default": ("average", _average),
    "aten.adaptive_avg_pool2d.default": ("average", _average),
    "aten.mean.dim": ("average", _average),
    "aten.relu.default": ("relu", _nothing),
    "aten.relu6.default": ("relu", _nothing),
    "aten.hardtanh.default": ("relu", _nothing),
    "aten.clamp.default": ("relu", _nothing),
    "aten.max_pool2d.default": ("max_pool", _nothing),
    "aten.cat.default": ("move", _nothing),
    "aten.slice.Tensor": ("move", _nothing),
    "aten.constant_pad_nd.default": ("move", _nothing),
    "aten.pad.default": ("move", _nothing),
    "slipstick.move.default": ("move", _nothing),
    "slipstick.sparse_shift.default": ("move", _sparse_shift),
}
"""Kind and work by operator; in-place variants count as the others."""

VIEWS = frozenset(
    "aten.flatten.using_ints aten.view.default aten.reshape.default aten.unsqueeze.default "
    "aten.squeeze.dim aten.dropout.default aten.alias.default aten.clone.default".split()
)
"""Operators that neither compute nor move."""


def _layer(node: fx.Node) -> LayerCount | None:
    operator = re.sub(r"_\.", ".", str(node.target))
    if operator in VIEWS or _is_whole_slice(node, operator) or _is_weight(node):
        return None
    name = _name(node)
    if operator not in RULES:
        raise SlipstickError(
            f"Layer '{name}'",
            f"operator {operator} has no rule for counting",
            "count networks of slipstick.nn's layers, convolutions, pools and additions",
        )
    kind, rule = RULES[operator]
    moved = Work(reads=sum(map(_elements, _activations(node))), writes=_size(node))
    return LayerCount(name, kind, _shape(node), rule(node) + moved)


def _is_whole_slice(node: fx.Node, operator: str) -> bool:
    return operator == "aten.slice.Tensor" and _shape(node) == _shape(_node(node.args[0]))


def _name(node: fx.Node) -> str:
    """The module that calls the operator; inside a module of several, with the operator."""
    path, kind = list(node.meta["nn_module_stack"].values())[-1]
    if path and str(kind).startswith(("torch.nn.modules", "slipstick.nn")):
        return str(path)
    return f"{path}.{node.name}" if path else node.name


def _node(argument: object) -> fx.Node:
    assert isinstance(argument, fx.Node)
    return argument


def _shape(node: fx.Node) -> tuple[int, ...]:
    """Of the node's tensor, without the batch."""
    return tuple(node.meta["val"].shape[1:])


def _size(node: fx.Node) -> int:
    return math.prod(_shape(node))


def _elements(node: fx.Node) -> int:
    return int(node.meta["val"].numel())


def _is_weight(node: fx.Node) -> bool:
    """Whether the node is a parameter, a buffer or made of them, and not the image."""
    if node.op == "placeholder":
        return node.name.startswith(("p_", "b_", "c_"))
    return bool(node.all_input_nodes) and all(map(_is_weight, node.all_input_nodes))


def _activations(node: fx.Node) -> list[fx.Node]:
    return [argument for argument in node.all_input_nodes if not _is_weight(argument)]


def _weights(node: fx.Node) -> int:
    """Weight and bias; PS's shift and sign are one weight."""
    inputs = [argument for argument in node.all_input_nodes if _is_weight(argument)]
    weight = _elements(inputs[0])
    return weight + sum(_elements(i) for i in inputs[1:] if i.meta["val"].dim() == 1)


def _taps(node: fx.Node) -> int:
    """Weights of one output channel, at every value of the output."""
    weight = _node(node.args[1]).meta["val"]
    return math.prod(weight.shape[1:]) * _size(node)


def _window(node: fx.Node) -> int:
    """Values that one output of an average pool is made of."""
    if str(node.target) != "aten.avg_pool2d.default":
        # Exact where the windows do not overlap: always when one value is left a channel.
        return _size(_node(node.args[0])) // _size(node)
    kernel = node.args[1]
    assert isinstance(kernel, Sequence)
    sides = [int(str(side)) for side in kernel]
    return math.prod(sides) if len(sides) > 1 else sides[0] ** 2
