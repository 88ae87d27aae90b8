"""Published ratios beside those that our counts and the table of unit energies give.

Where a ratio cannot be recomputed nothing is claimed, and the row says what is missing.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from slipstick.nn import convert
from slipstick.zoo.addernet import adder
from slipstick.zoo.counts import Work, count
from slipstick.zoo.energy import FIX8, FIX32, FP32, Formats, energy, unit_energy
from slipstick.zoo.layers import Convolution, plain
from slipstick.zoo.registry import build
from slipstick.zoo.residual import BasicBlock, ResNet
from slipstick.zoo.shiftaddnet import Vgg19Small

CIFAR = (3, 32, 32)


@dataclass(frozen=True)
class Ratio:
    """One published figure and ours.

    Parameters
    ----------
    name : what is compared.
    published : as the source prints it.
    ours : the recomputed values by platform or network, in ``unit``; empty if it cannot be.
    unit : "times", "% energy" (negative is saved) or "multiply-accumulates".
    explanation : why they differ, or that they do not.
    """

    name: str
    published: str
    ours: Mapping[str, float]
    unit: str
    explanation: str


def ratios() -> tuple[Ratio, ...]:
    """Every published ratio; it takes seconds, since networks are traced."""
    return (*unit_ratios(), shiftresnet_flops(), *energy_ratios())


def unit_ratios() -> tuple[Ratio, ...]:
    """The ratios of unit energies that the papers quote."""
    swapped = "The paper's text names the platforms the other way round than its own table."
    one = "The unit energies were chosen to agree: no independent check."
    rows = (
        ("multiplication / shift, FIX32", "24", "asic45", "shift", "FIX32", swapped),
        ("multiplication / addition, FIX32", "196", "zc706", "addition", "FIX32", swapped),
        ("multiplication / addition, FP32", "47", "zc706", "addition", "FP32", one),
        ("multiplication / addition, FP32", "4.1", "asic45", "addition", "FP32", "Read in code."),
        ("multiplication / addition, FIX32", "31", "asic45", "addition", "FIX32", one),
    )
    return tuple(
        Ratio(name, published, {platform: _times(platform, other, form)}, "times", explanation)
        for name, published, platform, other, form, explanation in rows
    )


def _times(platform: str, operation: str, number_format: str) -> float:
    multiplication = unit_energy(platform, "multiplication", number_format)
    return multiplication / unit_energy(platform, operation, number_format)


def shiftresnet_flops() -> Ratio:
    """ShiftResNet-20's operations, which its README states exactly."""
    taps = count(build("shiftresnet20_e3"), CIFAR).total.taps
    return Ratio(
        "ShiftResNet-20, expansion 3",
        "16,581,248",
        {"shiftresnet20_e3": taps},
        "multiply-accumulates",
        "Released flops() takes the stem for 9 * 64 multiplications a pixel where it has 3 * 9 * "
        "16: 147,456 more, which is the whole difference.",
    )


def energy_ratios() -> tuple[Ratio, ...]:
    """ShiftAddNet against the others, by operations alone."""
    fix8, memory = FIX8, "Ours counts operations of inference, not memory or control"
    return (
        Ratio(
            "ShiftAddNet FIX8 against AdderNet FP32",
            "-65.1 to -75.0",
            _savings("shiftadd", fix8, "adder", FP32),
            "% energy",
            f"{memory}; on the FPGA, where the paper measured, it falls near the range.",
        ),
        Ratio(
            "ShiftAddNet FIX8 against DeepShift",
            "-34.1 to -70.9",
            _savings("shiftadd", fix8, "shift", FIX32),
            "% energy",
            f"{memory}, and takes DeepShift in FIX32, since its format is not known to us. On the "
            "FPGA an 8-bit addition costs as much as a 32-bit one in the table, so that more "
            "operations cost more: that saving cannot come from the table.",
        ),
        Ratio(
            "ShiftAddNet FIX8 against the multiplying network FP32",
            "over -80",
            _savings("shiftadd", fix8, "multiply", FP32),
            "% energy",
            f"{memory}; the published figure includes training.",
        ),
        Ratio(
            "ShiftAddNet's savings altogether",
            "-34.1 to -80.9",
            {},
            "% energy",
            "Not recomputed: networks and formats behind the two ends are not known to us.",
        ),
        Ratio(
            "ShiftAddNet with fixed shifts against AdderNet, DeepShift",
            "-90.0, -82.8",
            {},
            "% energy",
            "Not recomputed: a frozen shift layer does the operations of a trained one, so that "
            "counts of inference cannot tell them apart.",
        ),
    )


def _savings(ours: str, our_formats: Formats, other: str, formats: Formats) -> dict[str, float]:
    """Per cent of energy that ``ours`` takes more than ``other``, by platform and network."""
    found = {}
    for platform in ("asic45", "zc706"):
        for network, works in _works().items():
            spent = energy(works[ours], platform, our_formats)
            before = energy(works[other], platform, formats)
            found[f"{platform} {network}"] = 100 * (spent / before - 1)
    return found


@functools.cache
def _works() -> dict[str, dict[str, Work]]:
    """Work of ResNet-20 and VGG-19-small with each kind of layer."""
    plain_networks = {"resnet20": _resnet20(plain), "vgg19_small": Vgg19Small(plain, 10, 3)}
    adders = {"resnet20": _resnet20(adder), "vgg19_small": Vgg19Small(adder, 10, 3)}
    linear = {"resnet20": (), "vgg19_small": ("classifier.0", "classifier.2")}
    return {
        name: {
            "multiply": _work(network),
            "adder": _work(adders[name]),
            "shift": _work(convert(network, "shift", method="ps", skip=linear[name])),
            "shiftadd": _work(build(f"shiftaddnet_{name}")),
        }
        for name, network in plain_networks.items()
    }


def _resnet20(convolution: Convolution) -> nn.Module:
    (stem,), (classifier,) = plain(3, 16, 3, 1), plain(64, 10, 1, 1)
    widths, counts = (16, 32, 64), (3, 3, 3)
    return ResNet(stem, None, convolution, BasicBlock, widths, counts, classifier, 10)


def _work(network: nn.Module) -> Work:
    return count(network, CIFAR).total
