"""Tensors under the names of the original repositories to those of our modules."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.importers.mapped import Expected, Mapped
from slipstick.importers.powers import decide_weights, settle_signs, take_fixed_shifts
from slipstick.importers.values import UnreadableError, listed

MEASURED = ".quantize_input_fw."
COUNTER = "num_batches_tracked"


def map_keys(thing: str, tensors: Mapping[str, torch.Tensor], module: nn.Module) -> Mapped:
    """``tensors`` of ``thing`` under the names of ``module``, as far as the rules here lead."""
    mapped = Mapped(dict(tensors))
    for rule in _RULES:
        try:
            rule(mapped, module.state_dict())
        except UnreadableError as error:
            raise error.of(thing) from None
    return mapped


def load(thing: str, mapped: Mapped, module: nn.Module) -> None:
    """Puts the tensors into ``module``, whose names and shapes they must have exactly."""
    expected = module.state_dict()
    _check_keys(thing, mapped, expected)
    # The sum makes +0.0 of -0.0, which no integer can tell apart.
    values = {key: tensor.to(expected[key].dtype) + 0 for key, tensor in mapped.tensors.items()}
    _check_finite(thing, values)
    module.load_state_dict(values, strict=True)


def _apply_masks(mapped: Mapped, expected: Expected) -> None:
    """Pruned adders: the released code multiplies by the mask at every forward."""
    for mask in [key for key in mapped.tensors if key.endswith(".adder_mask")]:
        layer = mask.removesuffix("adder_mask")
        for name in (f"{layer}adder", f"{layer}weight"):
            if name in mapped.tensors and mapped.tensors[name].shape == mapped.tensors[mask].shape:
                mapped.tensors[name] = mapped.tensors[name] * mapped.drop(mask)
                # The random numbers that the mask was drawn from.
                if f"{layer}s" in mapped.tensors:
                    mapped.drop(f"{layer}s")
                break


def _drop_measured_ranges(mapped: Mapped, expected: Expected) -> None:
    """Ranges of ShiftAddNet's quantised adder inputs; a compile measures its own."""
    measured = [key for key in mapped.tensors if MEASURED in key]
    for key in measured:
        mapped.drop(key)
    if measured:
        mapped.notes.append(
            f"{len(measured)} measured ranges of adder inputs are left out: "
            "the network was trained with 8-bit adders, and its accuracy may change"
        )


def _rename_bias(mapped: Mapped, expected: Expected) -> None:
    """AdderNet's bias is ``b``."""
    _rename_where_expected(mapped, expected, "b", "bias")


def _rename_adders(mapped: Mapped, expected: Expected) -> None:
    """Older files of ShiftAddNet call adders ``weight``."""
    _rename_where_expected(mapped, expected, "weight", "adder")


def _rename_where_expected(mapped: Mapped, expected: Expected, old: str, new: str) -> None:
    for key in list(mapped.tensors):
        layer, dot, name = key.rpartition(".")
        renamed = layer + dot + new
        is_free = renamed in expected and renamed not in mapped.tensors
        if name == old and key not in expected and is_free:
            mapped.rename(key, renamed)


def _rename_bounds(mapped: Mapped, expected: Expected) -> None:
    """APoT's later code for ImageNet keeps the weights' bound beside them."""
    for key in [key for key in mapped.tensors if key.endswith(".weight_alpha")]:
        bound = key.removesuffix("weight_alpha") + "weight_quant.wgt_alpha"
        if bound in expected and bound not in mapped.tensors:
            mapped.rename(key, bound)


def _split_displacements(mapped: Mapped, expected: Expected) -> None:
    """Sparse shifts: torchshifts keeps rows and columns in one (C, 2) tensor, and counts back."""
    for key in [key for key in mapped.tensors if key.endswith(".weight")]:
        layer = key.removesuffix("weight")
        tensor = mapped.tensors[key]
        if f"{layer}alpha" in expected and tensor.dim() == 2 and tensor.shape[1] == 2:
            del mapped.tensors[key]
            for column, name in enumerate((f"{layer}alpha", f"{layer}beta")):
                mapped.tensors[name] = -tensor[:, column]
                mapped.renamed.append((key, name))


def _settle_counters(mapped: Mapped, expected: Expected) -> None:
    """Batches that BatchNorm has seen: old torch counts none, and nothing here reads them."""
    for key in [key for key in mapped.tensors if key.endswith(COUNTER) and key not in expected]:
        mapped.drop(key)
    for key in expected:
        if key.endswith(COUNTER):
            mapped.tensors.setdefault(key, expected[key])


_RULES: tuple[Callable[[Mapped, Expected], None], ...] = (
    _apply_masks,
    _drop_measured_ranges,
    _rename_bias,
    _rename_adders,
    take_fixed_shifts,
    settle_signs,
    decide_weights,
    _rename_bounds,
    _split_displacements,
    _settle_counters,
)


def _check_keys(thing: str, mapped: Mapped, expected: Expected) -> None:
    misshapen = [
        f"{key} {_shape(tensor)} instead of {_shape(expected[key])}"
        for key, tensor in mapped.tensors.items()
        if key in expected and tensor.shape != expected[key].shape
    ]
    causes = [
        listed("lacks", [key for key in expected if key not in mapped.tensors]),
        listed("has unknown", [key for key in mapped.tensors if key not in expected]),
        listed("has misshapen", misshapen),
    ]
    if any(causes):
        raise SlipstickError(
            thing,
            ", and ".join(cause for cause in causes if cause),
            "name the network and the number of classes that it was trained with",
        )


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(str(n) for n in tensor.shape) or "scalar"


def _check_finite(thing: str, tensors: Mapping[str, torch.Tensor]) -> None:
    wrong = [key for key, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if wrong:
        raise SlipstickError(
            thing, listed("has infinite or undefined values in", wrong), "train the network again"
        )
