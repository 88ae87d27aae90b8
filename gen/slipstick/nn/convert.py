"""From an ordinary network to one of shift and adder layers."""

import copy
from collections.abc import Collection
from typing import Any, TypeVar

import torch
from torch import nn

from slipstick.nn.adder import AdderConv2d, AdderLinear
from slipstick.nn.quantisers import lowest_exponent
from slipstick.nn.shift import ShiftConv2d, ShiftLinear

KINDS = ("shift", "adder", "shiftadd")
Shift = TypeVar("Shift", ShiftConv2d, ShiftLinear)
Adder = TypeVar("Adder", AdderConv2d, AdderLinear)


def convert(
    module: nn.Module,
    kind: str = "shift",
    *,
    weight_bits: int = 5,
    method: str = "q",
    skip: Collection[str] = (),
) -> nn.Module:
    """A copy of ``module`` with its `Conv2d` and `Linear` layers replaced, weights taken over.

    Parameters
    ----------
    module : any network; it is left as it is.
    kind : "shift" (DeepShift), "adder" (AdderNet) or "shiftadd" (ShiftAddNet: a convolution
        becomes a shift convolution followed by an adder convolution of the same kernel, from
        all to all output channels at stride 1; a linear layer becomes a shift layer).
    weight_bits, method : of the shift layers.
    skip : qualified names of layers to leave alone, for example the stem and the classifier.
    """
    if kind not in KINDS:
        raise ValueError(f"Kind must be one of {', '.join(KINDS)}, not {kind!r}")
    names = dict(module.named_modules(remove_duplicate=False))
    for name in skip:
        if name not in names:
            raise ValueError(f"Skip must name layers of the module, not {name!r}")
    result = copy.deepcopy(module)
    replaced: dict[int, nn.Module] = {}
    for name, layer in list(result.named_modules(remove_duplicate=False)):
        # Exact types: a subclass may compute something else.
        if type(layer) in (nn.Conv2d, nn.Linear) and name not in skip:
            # A layer that is used at several places stays one layer.
            if id(layer) not in replaced:
                replaced[id(layer)] = _replacement(layer, kind, weight_bits, method)
            if not name:
                return replaced[id(layer)]
            result.set_submodule(name, replaced[id(layer)])
    return result


def _replacement(layer: nn.Module, kind: str, weight_bits: int, method: str) -> nn.Module:
    new: nn.Module
    if isinstance(layer, nn.Conv2d):
        new = _convolution(layer, kind, weight_bits, method)
    else:
        assert isinstance(layer, nn.Linear)
        new = _adder_linear(layer) if kind == "adder" else _shift_linear(layer, weight_bits, method)
    return new.train(layer.training)


def _convolution(layer: nn.Conv2d, kind: str, weight_bits: int, method: str) -> nn.Module:
    if kind == "adder":
        return _adder_conv2d(layer)
    shift = _shift_conv2d(layer, weight_bits, method)
    return nn.Sequential(shift, _second_adder(layer)) if kind == "shiftadd" else shift


def _shift_conv2d(layer: nn.Conv2d, weight_bits: int, method: str) -> ShiftConv2d:
    arguments = _conv2d_arguments(layer)
    return _take_shift(ShiftConv2d(**arguments, weight_bits=weight_bits, method=method), layer)


def _shift_linear(layer: nn.Linear, weight_bits: int, method: str) -> ShiftLinear:
    arguments = _linear_arguments(layer)
    return _take_shift(ShiftLinear(**arguments, weight_bits=weight_bits, method=method), layer)


def _adder_conv2d(layer: nn.Conv2d) -> AdderConv2d:
    return _take_adder(AdderConv2d(**_conv2d_arguments(layer)), layer)


def _adder_linear(layer: nn.Linear) -> AdderLinear:
    return _take_adder(AdderLinear(**_linear_arguments(layer)), layer)


def _second_adder(layer: nn.Conv2d) -> AdderConv2d:
    """ShiftAddNet's adder behind the shift convolution; "same" is k//2 for its odd kernels."""
    channels, (rows, columns) = layer.out_channels, layer.kernel_size
    placement = _placement(layer)
    return AdderConv2d(channels, channels, (rows, columns), padding="same", bias=False, **placement)


def _conv2d_arguments(layer: nn.Conv2d) -> dict[str, Any]:
    names = (
        "in_channels out_channels kernel_size stride padding dilation groups padding_mode".split()
    )
    arguments = {name: getattr(layer, name) for name in names}
    return arguments | {"bias": layer.bias is not None} | _placement(layer)


def _linear_arguments(layer: nn.Linear) -> dict[str, Any]:
    arguments = {"in_features": layer.in_features, "out_features": layer.out_features}
    return arguments | {"bias": layer.bias is not None} | _placement(layer)


def _placement(layer: nn.Conv2d | nn.Linear) -> dict[str, Any]:
    return {"device": layer.weight.device, "dtype": layer.weight.dtype}


def _take_shift(new: Shift, layer: nn.Conv2d | nn.Linear) -> Shift:
    _take(new.bias, layer.bias)
    first, *others = new.weights()
    if new.method == "q":
        _take(first, layer.weight)
        return new
    # Not rounded yet: training goes on from where the ordinary weights were.
    lowest = lowest_exponent(new.weight_bits, "ps")
    _take(first, layer.weight.detach().abs().log2().clamp(lowest, 0))
    _take(others[0], layer.weight.detach().sign())
    return new


def _take_adder(new: Adder, layer: nn.Conv2d | nn.Linear) -> Adder:
    _take(new.adder, layer.weight)
    _take(new.bias, layer.bias)
    return new


def _take(target: torch.Tensor | None, source: torch.Tensor | None) -> None:
    if target is not None and source is not None:
        with torch.no_grad():
            target.copy_(source)
