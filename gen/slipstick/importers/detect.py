"""Which system a state dict comes from, by the names and shapes of its tensors."""

import re
from collections.abc import Callable, Mapping

import torch

from slipstick.errors import SlipstickError

Tensors = Mapping[str, torch.Tensor]

_BLOCK = re.compile(r"layer\d+\.\d+\.conv[12]\.weight")


def system_of(tensors: Tensors) -> str | None:
    """The system, or None where several write such tensors."""
    for system, fits in _SIGNS.items():
        if fits(tensors):
            return system
    return None


def check_system(thing: str, tensors: Tensors, system: str) -> None:
    """Refuses the file ``thing`` if its tensors show that it is of another system."""
    found = system_of(tensors)
    if found and found != system:
        raise SlipstickError(
            thing, f"is of {found}, by its keys, not of {system}", f"name a network of {found}"
        )


def has_suffix(tensors: Tensors, *suffixes: str) -> bool:
    """Whether for each suffix some tensor is so named."""
    names = {key.rpartition(".")[2] for key in tensors}
    return names.issuperset(suffixes)


def _is_shiftaddnet(tensors: Tensors) -> bool:
    """Trained or fixed shift layers, and adders under either of their names behind them."""
    behind = [
        key.removesuffix(shift) + "1.weight"
        for shift in ("0.shift", "0.p")
        for key in tensors
        if key.endswith(shift)
    ]
    old = any(key in tensors and tensors[key].dim() == 4 for key in behind)
    shifts = has_suffix(tensors, "shift", "sign") or has_suffix(tensors, "p", "s", "mask")
    return shifts and (old or has_suffix(tensors, "adder"))


def _is_s3(tensors: Tensors) -> bool:
    """Decisions of S3 or of DenseShift."""
    return has_suffix(tensors, "weight_val", "weight_shift", "weight_shift2") or has_suffix(
        tensors, "weight_t1"
    )


def _is_shiftresnet(tensors: Tensors) -> bool:
    """Blocks of 1x1 convolutions: the shifts between them have no tensors."""
    blocks = [tensor for key, tensor in tensors.items() if _BLOCK.fullmatch(key)]
    return bool(blocks) and all(t.dim() == 4 and t.shape[2:] == (1, 1) for t in blocks)


def _is_ssl(tensors: Tensors) -> bool:
    """Two displacements for each channel, in torchshifts' one tensor or in two of our names."""
    if has_suffix(tensors, "alpha", "beta"):
        return True
    pairs = [key for key, tensor in tensors.items() if tensor.dim() == 2 and tensor.shape[1] == 2]
    layers = [key.removesuffix("weight") for key in pairs if key.endswith(".weight")]
    # A linear layer of two inputs has a bias.
    return any(f"{layer}bias" not in tensors for layer in layers)


_SIGNS: dict[str, Callable[[Tensors], bool]] = {
    "shiftaddnet": _is_shiftaddnet,
    "addernet": lambda tensors: has_suffix(tensors, "adder"),
    "deepshift": lambda tensors: has_suffix(tensors, "shift", "sign"),
    "s3": _is_s3,
    "apot": lambda t: has_suffix(t, "wgt_alpha") or has_suffix(t, "weight_alpha"),
    "ssl": _is_ssl,
    "shiftresnet": _is_shiftresnet,
}
"""Systems by what only they write; the first that fits."""
