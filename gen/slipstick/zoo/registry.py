"""Every network by its name."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from slipstick.errors import SlipstickError
from slipstick.zoo import (
    addernet,
    addressnet,
    apot,
    deepshift,
    diracdeltanet,
    s3,
    shiftaddnet,
    shiftnet,
    shiftresnet,
    ssl,
)
from slipstick.zoo.network import Network

NEAR = 3
"""Names that an error about an unknown one lists."""

_FAMILIES = (
    shiftresnet,
    shiftnet,
    ssl,
    addressnet,
    deepshift,
    addernet,
    shiftaddnet,
    s3,
    apot,
    diracdeltanet,
)

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {network.name: network for family in _FAMILIES for network in family.NETWORKS}
)
"""All networks of the zoo, by name, in the order of the papers."""


def find(name: str) -> Network:
    """The network called ``name``; `SlipstickError` with near names if there is none."""
    if name in NETWORKS:
        return NETWORKS[name]
    near = difflib.get_close_matches(name, NETWORKS, NEAR, cutoff=0.4)
    raise SlipstickError(
        f"Network '{name}'",
        "is not in the zoo",
        f"did you mean {', '.join(near)}" if near else "see slipstick zoo for all names",
    )


def check_options(network: Network, options: Mapping[str, Any]) -> None:
    """Raises `SlipstickError` for an option that ``network`` has not, or of another type."""
    for option, value in options.items():
        if option not in network.options:
            known = ", ".join(network.options) or "none"
            raise SlipstickError(
                f"Option '{option}'",
                f"network '{network.name}' has no such option",
                f"options: {known}",
            )
        default = network.options[option]
        # Where the default is None, only the builder knows what may stand there.
        if isinstance(default, bool | str) and not isinstance(value, type(default)):
            kind = "true or false" if isinstance(default, bool) else "a word"
            raise SlipstickError(f"Option '{option}'", f"is {value!r}", f"give {kind}")


def build(
    name: str, *, classes: int = 10, input_channels: int | None = None, **options: Any
) -> nn.Module:
    """An untrained network of the zoo, in training mode, with torch's random numbers.

    Parameters
    ----------
    name : a key of `NETWORKS`.
    classes : width of the output.
    input_channels : of the images; the published network's if None.
    options : those of ``NETWORKS[name].options``.

    Raises `SlipstickError` for unknown names and options, and for values a layer refuses.
    """
    network = find(name)
    channels = network.input_shape[0] if input_channels is None else input_channels
    for what, value in (("Classes", classes), ("Input channels", channels)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SlipstickError(f"{what} of '{name}'", f"is {value!r}", "give a number above 0")
    check_options(network, options)
    try:
        return network.builder(classes, channels, **options)
    except (TypeError, ValueError, OverflowError, MemoryError, RuntimeError) as error:
        # torch refuses sizes by a RuntimeError.
        raise SlipstickError(
            f"Network '{name}'", f"cannot be built so ({error})", "give another value"
        ) from error
