"""How each network is trained: phases, one after the other, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from slipstick.nn import FixedShiftConv2d, convert, freeze_norms
from training.networks import (
    AdderResNet,
    AddressNet,
    LeNet,
    ShiftAddNet,
    ShiftLeNet,
    ShiftNet,
    SparseShiftNet,
)
from training.power_networks import APoTNet, DenseShiftNet, DiracDeltaNet, S3Net

SHIFT_RATE = 0.01
"""Learning rate of shift weights beside adder layers, DeepShift's own."""


@dataclass(frozen=True)
class Pruning:
    """Which weights become zero before a phase, and how many: see `slipstick.nn.prune`."""

    kind: str
    share: float


@dataclass(frozen=True)
class Phase:
    """A change of the network, then a training whose learning rate falls to 0 along a cosine.

    Attributes
    ----------
    optimiser : "adam", "radam" or "sgd".
    rate : its learning rate at first.
    epochs : passes over the training images.
    penalty : factor of the layers' own penalties: SSL's lambda, S3's alpha.
    shift_rate : the learning rate of shift weights beside adder layers, with "sgd".
    change : makes another network of the one before.
    pruning : what is pruned before; it stays pruned in all later phases.
    """

    optimiser: str
    rate: float
    epochs: int
    penalty: float = 0.0
    shift_rate: float = SHIFT_RATE
    change: Callable[[nn.Module], nn.Module] | None = None
    pruning: Pruning | None = None


@dataclass(frozen=True)
class Recipe:
    """A network and its phases.

    Attributes
    ----------
    start : the shipped checkpoint whose weights it starts with; "" for random ones.
    """

    network: Callable[[], nn.Module]
    phases: tuple[Phase, ...]
    start: str = ""


ADAM = Phase("adam", 2e-3, 6)
# AdderNet scales its gradients itself and wants SGD, down to the end of the cosine.
ADDER = Phase("sgd", 0.1, 6)

SHIPPED = {
    "shift_lenet": Recipe(ShiftLeNet, (ADAM,)),
    "resnet_adder": Recipe(AdderResNet, (Phase("sgd", 0.1, 8),)),
    "shiftaddnet": Recipe(ShiftAddNet, (ADDER,)),
    "shiftnet": Recipe(ShiftNet, (ADAM,)),
    "sparse_shiftnet": Recipe(SparseShiftNet, (Phase("adam", 2e-3, 6, penalty=5e-4),)),
    "addressnet": Recipe(AddressNet, (ADAM,)),
}
"""Those of the checkpoints beside the programs."""

SCRATCH = {
    "shift_lenet_ps": Recipe(partial(ShiftLeNet, "ps"), (Phase("radam", 1e-2, 6),)),
    "shiftaddnet_fixed": Recipe(partial(ShiftAddNet, FixedShiftConv2d), (ADDER,)),
    "s3": Recipe(S3Net, (Phase("adam", 2e-3, 6, penalty=1e-5),)),
    "denseshift": Recipe(DenseShiftNet, (ADAM,)),
    "apot": Recipe(APoTNet, (ADAM,)),
    "diracdelta": Recipe(DiracDeltaNet, (ADAM,)),
}
"""From random weights, in one phase."""

CONVERTED = {
    f"lenet_to_{method}": Recipe(
        LeNet,
        (
            Phase("adam", 2e-3, 4),
            Phase("radam", 1e-3, 2, change=partial(convert, method=method)),
        ),
    )
    for method in ("q", "ps")
}
"""DeepShift from pre-trained ordinary weights."""

PRUNED = {
    f"shiftaddnet_pruned_{kind}": Recipe(
        ShiftAddNet,
        (Phase("sgd", 0.02, 2, shift_rate=2e-3, pruning=Pruning(kind, 0.5)),),
        start="shiftaddnet",
    )
    for kind in ("shift", "adder")
}
"""ShiftAddNet without its smallest weights."""


def power_of_two(name: str, rate: float = 5e-4, epochs: int = 1) -> Recipe:
    """The shipped network ``name``, fine-tuned so that its BatchNorms' scales are powers of two.

    With Adam even for adder layers: at their own rate the sums they give would drift away from
    the fixed statistics.
    """
    (phase,) = SHIPPED[name].phases
    tuning = Phase("adam", rate, epochs, phase.penalty, change=freeze_norms)
    return Recipe(SHIPPED[name].network, (tuning,), start=name)


POWER_OF_TWO = {f"{name}_pow2": power_of_two(name) for name in SHIPPED} | {
    # Rounding costs this one the most, 46 points.
    "shiftnet_pow2": power_of_two("shiftnet", 1e-3, 3),
}
"""For compiling with ``bn_terms = 1``."""

RECIPES = SHIPPED | SCRATCH | CONVERTED | PRUNED | POWER_OF_TWO
