"""Weight bits and kind of shift layers, which no checkpoint states."""

import torch

from slipstick.errors import SlipstickError
from slipstick.importers.detect import Tensors, has_suffix
from slipstick.nn.quantisers import lowest_exponent

OPTIONS = ("deepshift", "shiftaddnet", "apot")
"""Systems whose layers have a number of weight bits."""
FEWEST, MOST = 2, 5
"""Weight bits of the released code, among which some are inferred."""
GIVE = "give --bits, as in the name of the checkpoint or its folder"


def method_of(tensors: Tensors) -> str:
    """DeepShift's method: "ps" keeps ``shift`` and ``sign``, "q" a ``weight``."""
    return "ps" if has_suffix(tensors, "shift", "sign") else "q"


def has_fixed_shifts(tensors: Tensors) -> bool:
    """Whether shift layers are ShiftAddNet's that are not trained."""
    return has_suffix(tensors, "p", "s", "mask")


def weight_bits(thing: str, tensors: Tensors, system: str, bits: int | None) -> int | None:
    """The weight bits of the file ``thing``: those that were given, or that its shifts need.

    Fewer bits would change weights, more would not: an exponent is rounded alike whatever the
    bits, as long as it is in their range.
    """
    fixed = has_fixed_shifts(tensors)
    if system not in OPTIONS or fixed:
        if bits is not None:
            cause = "the shifts are fixed" if fixed else f"{system} has no shift weights"
            raise SlipstickError("Option --bits", f"is {bits}, but {cause}", "leave it out")
        return None
    if bits is not None:
        return bits
    if method_of(tensors) == "q":
        raise SlipstickError(thing, "does not say how many bits its weights have", GIVE)
    lowest = min(_lowest(tensor) for key, tensor in tensors.items() if key.endswith(".shift"))
    for candidate in range(FEWEST, MOST + 1):
        if lowest_exponent(candidate, "ps") <= lowest:
            return candidate
    raise SlipstickError(
        thing, f"has exponents down to {lowest:g}, which {MOST} bits do not hold", GIVE
    )


def _lowest(shift: torch.Tensor) -> float:
    # What is no number is for the check of values to complain of.
    exponents = shift[shift.isfinite()].double().round()
    return float(exponents.min()) if exponents.numel() else 0.0
