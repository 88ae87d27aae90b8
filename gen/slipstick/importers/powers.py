"""Weights of S3, DenseShift and of ShiftAddNet's fixed shifts: decisions, or powers of two.

S3's released checkpoints hold the weights, its training programs the decisions that make them.
"""

import torch

from slipstick.importers.mapped import Expected, Mapped
from slipstick.importers.values import UnreadableError
from slipstick.nn.s3_ops import denseshift_parameters, s3_parameters

ANOTHER = "name the network that it was trained as"


def settle_signs(mapped: Mapped, expected: Expected) -> None:
    """``weight`` and ``weight_sign`` are one tensor, of which a file may keep either or both."""
    for layer in _layers(expected, "weight_sign"):
        names = [f"{layer}weight", f"{layer}weight_sign"]
        found = [mapped.tensors[name] for name in names if name in mapped.tensors]
        if not found or _is_plain(mapped, layer):
            continue
        first, last = found[0], found[-1]
        if first.shape != last.shape or not bool(((first == last) | first.isnan()).all()):
            raise UnreadableError(
                f"has two tensors for one, {' and '.join(names)}, that differ",
                "save the network again",
            )
        for name in names:
            mapped.tensors[name] = first


def decide_weights(mapped: Mapped, expected: Expected) -> None:
    """Released files of S3: plain weights become the decisions that make them."""
    for layer in _layers(expected, "weight_sign"):
        key = f"{layer}weight"
        if not _is_plain(mapped, layer):
            continue
        sign = f"{layer}weight_sign"
        others = [n for n in expected if n.startswith(f"{layer}weight_") and n != sign]
        try:
            made = _decided(mapped.tensors[key].float(), others)
        except ValueError as error:
            raise UnreadableError(f"has other weights in {key} ({error})", ANOTHER) from None
        for name, tensor in zip((sign, *others), made, strict=True):
            mapped.tensors[name] = tensor
            mapped.renamed.append((key, name))
        mapped.tensors[key] = made[0]


def take_fixed_shifts(mapped: Mapped, expected: Expected) -> None:
    """Fixed shifts: what ``weight`` was drawn with, and a mask nothing applies, is left out."""
    for layer in _layers(mapped.tensors, "p"):
        key = f"{layer}weight"
        if key not in expected or key not in mapped.tensors:
            continue
        mantissa, _ = torch.frexp(mapped.tensors[key].double())
        if not bool(((mantissa == 0) | (mantissa.abs() == 0.5)).all()):
            raise UnreadableError(f"has weights in {key} that are no powers of two", ANOTHER)
        for name in ("p", "s", "mask"):
            if layer + name in mapped.tensors:
                mapped.drop(layer + name)


def _layers(tensors: Expected, name: str) -> list[str]:
    """Prefixes of the layers that have a tensor ``name``."""
    return [key.removesuffix(name) for key in tensors if key.rpartition(".")[2] == name]


def _is_plain(mapped: Mapped, layer: str) -> bool:
    """Whether the file has the layer's weights and none of its decisions."""
    decisions = any(key.startswith(f"{layer}weight_") for key in mapped.tensors)
    return f"{layer}weight" in mapped.tensors and not decisions


def _decided(weight: torch.Tensor, names: list[str]) -> list[torch.Tensor]:
    """The sign and the other decisions ``names`` of S3's or DenseShift's ``weight``."""
    if any(name.endswith("weight_val") for name in names):
        return s3_parameters(weight)
    return denseshift_parameters(weight, len(names))
