"""The original repositories' checkpoints as modules of ours."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from slipstick.importers.bits import has_fixed_shifts, method_of, weight_bits
from slipstick.importers.detect import check_system, has_suffix
from slipstick.importers.keys import load, map_keys
from slipstick.importers.read import file_named, read_checkpoint
from slipstick.importers.state import State, find_state
from slipstick.importers.values import UnreadableError, listed

Build = Callable[[Mapping[str, Any]], nn.Module]
"""Makes the untrained network, given what the checkpoint shows of it: see `_shown`."""


@dataclass(frozen=True)
class Imported:
    """A trained network, and how its file was understood.

    Attributes
    ----------
    module : in eval mode.
    system : as `import_into` was told.
    bits : of its weights, as far as they have a number of bits to choose; else None.
    keys : tensors that were read.
    renamed : pairs of names, the file's and the module's.
    dropped : tensors that the module has no use for.
    """

    module: nn.Module
    system: str
    bits: int | None
    keys: int
    renamed: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]


def import_into(path: Path, build: Build, *, system: str, bits: int | None = None) -> Imported:
    """The checkpoint ``path`` of ``system`` in the module that ``build`` makes.

    Raises `SlipstickError` if the file cannot be read, is of another system, or lacks, misshapes
    or adds any tensor. Warns of what is left out.
    """
    thing = file_named(path)
    state = _state(path)
    check_system(thing, state.tensors, system)
    bits = weight_bits(thing, state.tensors, system, bits)
    module = build(_shown(state, bits)).eval()
    mapped = map_keys(thing, state.tensors, module)
    load(thing, mapped, module)
    for note in _notes(thing, state, mapped.notes):
        warnings.warn(note, stacklevel=2)
    return Imported(
        module, system, bits, len(state.tensors), tuple(mapped.renamed), tuple(mapped.dropped)
    )


def _state(path: Path) -> State:
    value = read_checkpoint(path)
    try:
        return find_state(value)
    except UnreadableError as error:
        raise error.of(file_named(path)) from None


def _shown(state: State, bits: int | None) -> dict[str, Any]:
    """Options of a network that its checkpoint decides; a network takes those that it has."""
    is_projected = any("shortcut.0." in key for key in state.tensors)
    options = {
        "method": method_of(state.tensors),
        "activation_bits": bits if has_suffix(state.tensors, "act_alpha") else None,
        "fixed": has_fixed_shifts(state.tensors),
        "shortcut": "projection" if is_projected else "pad",
    }
    return options if bits is None else options | {"weight_bits": bits}


def _notes(thing: str, state: State, notes: list[str]) -> list[str]:
    ignored = listed(f"{thing} also holds, and it is not read:", state.ignored)
    return [ignored, *notes] if ignored else notes
