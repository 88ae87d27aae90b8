"""Checkpoints in the networks of the zoo."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from slipstick.errors import SlipstickError
from slipstick.importers.checkpoint import Imported, import_into
from slipstick.zoo import build, find

SYSTEMS = ("deepshift", "addernet", "shiftaddnet", "shiftresnet", "ssl", "s3", "apot")
"""Systems whose checkpoints are understood."""
OTHERS = {
    "addressnet": "which released no checkpoints",
    "diracdeltanet": "whose checkpoints do not say whether they are quantised",
}
"""Why those of the other systems are not."""


def import_checkpoint(
    path: Path | str,
    *,
    system: str | None = None,
    arch: str,
    bits: int | None = None,
    classes: int = 10,
) -> nn.Module:
    """A checkpoint of an original repository as a module of ours, in eval mode.

    Parameters
    ----------
    path : the file; nothing in it is executed.
    system : who wrote it, one of `SYSTEMS`; that of ``arch`` if None.
    arch : the network, a name of `slipstick.zoo.NETWORKS`.
    bits : of the weights of DeepShift, ShiftAddNet and APoT; inferred, where possible, if None.
    classes : that the network tells apart.

    Raises `SlipstickError` as `import_into` does.
    """
    return read_into_zoo(path, system=system, arch=arch, bits=bits, classes=classes).module


def read_into_zoo(
    path: Path | str, *, system: str | None, arch: str, bits: int | None, classes: int
) -> Imported:
    """As `import_checkpoint`, with how the file was understood."""
    system = _checked_system(system, arch)

    def made(shown: Mapping[str, Any]) -> nn.Module:
        taken = {name: shown[name] for name in find(arch).options if name in shown}
        return build(arch, classes=classes, **taken)

    return import_into(Path(path), made, system=system, bits=bits)


def _checked_system(system: str | None, arch: str) -> str:
    """The system of the network ``arch``, which must not be another than ``system``."""
    # The zoo calls it by the operation, checkpoints by the only network that was released.
    own = {"shift": "shiftresnet"}.get(find(arch).system, find(arch).system)
    if own not in SYSTEMS:
        raise SlipstickError(f"Network '{arch}'", f"is of {own}, {OTHERS[own]}", "train it")
    if system is not None and system != own:
        raise SlipstickError(
            f"Network '{arch}'", f"is of {own}, not of {system}", f"name a network of {system}"
        )
    return own
