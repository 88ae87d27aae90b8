"""A state dict on its way to a module's names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

Expected = Mapping[str, torch.Tensor]
"""The module's own state dict."""


@dataclass
class Mapped:
    """A state dict on its way to a module's names.

    Attributes
    ----------
    tensors : by the names they have so far.
    renamed : pairs of names, the file's and ours.
    dropped : names of tensors that the module has no use for.
    notes : what a user should know of them.
    """

    tensors: dict[str, torch.Tensor]
    renamed: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rename(self, old: str, new: str) -> None:
        """Gives a tensor another name."""
        self.tensors[new] = self.tensors.pop(old)
        self.renamed.append((old, new))

    def drop(self, key: str) -> torch.Tensor:
        """Takes a tensor out."""
        self.dropped.append(key)
        return self.tensors.pop(key)
