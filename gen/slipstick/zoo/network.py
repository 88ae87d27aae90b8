"""What the zoo knows of a network: how to build it, and what was published of it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import nn

Shape = tuple[int, int, int]

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "shift": "Shift (Wu et al., CVPR 2018)",
        "ssl": "Sparse Shift Layers and FE-Net (Chen et al., CVPR 2019)",
        "addressnet": "AddressNet (He et al., WACV 2019)",
        "deepshift": "DeepShift (Elhoushi et al., CVPR workshops 2021)",
        "addernet": "AdderNet (Chen et al., CVPR 2020)",
        "shiftaddnet": "ShiftAddNet (You et al., NeurIPS 2020)",
        "s3": "S3 (Li et al., NeurIPS 2021) and DenseShift (Li et al., ICCV 2023)",
        "apot": "APoT (Li et al., ICLR 2020)",
        "diracdeltanet": "DiracDeltaNet and Synetgy (Yang et al., FPGA 2019)",
    }
)
"""The systems and their papers."""


@dataclass(frozen=True)
class Published:
    """Figures that others state; ours are computed and stand beside them.

    Parameters
    ----------
    parameters : trained values; rounded where the source rounds.
    multiply_adds : multiply-accumulates, or their replacements, a frame; rounded likewise.
    accuracy : top-1 accuracy in per cent by data set, and by variant where there are several.
    sources : where each figure and the structure were read.
    """

    parameters: float | None = None
    multiply_adds: float | None = None
    accuracy: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """One network of the zoo.

    Parameters
    ----------
    name : as `build` takes it.
    system : a key of `SYSTEMS`.
    input_shape : (C, H, W) of the published network.
    classes : of the data set for which ``published`` counts parameters.
    builder : ``builder(classes, input_channels, **options)`` makes the module.
    published : what the sources say.
    remarks : what differs from the source, or what no source says and was chosen; may be empty.
    """

    name: str
    system: str
    input_shape: Shape
    builder: Callable[..., nn.Module]
    classes: int = 10
    published: Published = Published()
    remarks: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """Names of the builder's options, with their defaults."""
        parameters = inspect.signature(self.builder).parameters
        return {
            name: parameter.default
            for name, parameter in parameters.items()
            if name not in ("classes", "input_channels")
        }
