"""Weights without which a trained network does nearly as well: they become zero and stay zero."""

from collections.abc import Mapping

import torch
from torch import nn

from slipstick.nn.adder import AdderParameters
from slipstick.nn.shift import ShiftParameters

KINDS = {"shift": ShiftParameters, "adder": AdderParameters}


def prune(module: nn.Module, kind: str, share: float) -> dict[str, torch.Tensor]:
    """Makes the smallest weights of ``module`` zero, and returns what is left of each parameter.

    All layers of a kind share one bound, as in ShiftAddNet's released code, so that some lose more
    than others. A pruned weight of a shift layer is no tap any more: of DeepShift-PS the sign
    becomes 0. A pruned weight of an adder layer is 0 and its tap still counts ``-|x|``.

    Parameters
    ----------
    kind : "shift" (`ShiftConv2d`, `ShiftLinear`) or "adder" (`AdderConv2d`, `AdderLinear`).
    share : of the weights to prune, from 0 to below 1, smallest magnitudes first.

    Returns
    -------
    Masks, 0 and 1, by the parameter's name; see `hold_zeros`.
    """
    if kind not in KINDS:
        raise ValueError(f"Kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if not 0 <= share < 1:
        raise ValueError(f"Share must be from 0 to below 1, not {share!r}")
    layers = {
        name: layer for name, layer in module.named_modules() if isinstance(layer, KINDS[kind])
    }
    if not layers:
        raise ValueError(f"Module must have layers of kind {kind!r}")
    sizes = torch.cat([_magnitude(layer).flatten() for layer in layers.values()])
    kept = torch.ones_like(sizes)
    kept[sizes.argsort(stable=True)[: round(share * len(sizes))]] = 0
    parts = kept.split([_magnitude(layer).numel() for layer in layers.values()])
    masks = {
        f"{name}.{_pruned(layer)}".lstrip("."): part.view_as(_magnitude(layer))
        for (name, layer), part in zip(layers.items(), parts, strict=True)
    }
    hold_zeros(module, masks)
    return masks


def hold_zeros(module: nn.Module, masks: Mapping[str, torch.Tensor]) -> None:
    """Makes pruned weights zero again; to be called after each step of the optimiser."""
    with torch.no_grad():
        for name, mask in masks.items():
            module.get_parameter(name).mul_(mask)


def _pruned(layer: nn.Module) -> str:
    """The parameter of ``layer`` that is zero where its weight is."""
    if isinstance(layer, AdderParameters):
        return "adder"
    return "weight" if layer.method == "q" else "sign"


def _magnitude(layer: nn.Module) -> torch.Tensor:
    """Sizes of the weights, before rounding where the layer rounds them."""
    if isinstance(layer, AdderParameters):
        return layer.adder.detach().abs()
    assert isinstance(layer, ShiftParameters)
    first, *sign = (weight.detach() for weight in layer.weights())
    return torch.exp2(first) * torch.round(sign[0]).sign().abs() if sign else first.abs()
