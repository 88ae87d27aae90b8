"""One operator call of an exported program, as the translators see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import fx

from slipstick.errors import SlipstickError
from slipstick.frontend.nodes import FloatNode

Translation = FloatNode | tuple[FloatNode, ...] | str
"""New nodes, the last of which makes the call's tensor; or the tensor that is passed on."""

Translator = Callable[["Call"], Translation]

TRANSLATORS: dict[Any, Translator] = {}
"""Operator to translator: everything that can be imported."""

PASSING: set[Any] = set()
"""Operators that compute nothing, so that they never give a module's name to a layer."""


def operator(*overloads: Any, passing: bool = False) -> Callable[[Translator], Translator]:
    """Registers a translator for ``overloads``."""

    def register(translator: Translator) -> Translator:
        TRANSLATORS.update(dict.fromkeys(overloads, translator))
        if passing:
            PASSING.update(overloads)
        return translator

    return register


@dataclass(frozen=True)
class Call:
    """A call of ``node.target`` with its arguments by their names in the operator's schema.

    Attributes
    ----------
    node : the call in the exported graph.
    name : the name of the node to make.
    arguments : schema name to value; tensors are still `fx.Node`.
    sources : `fx.Node` to the name of its tensor in the float graph.
    constants : `fx.Node` to parameter, buffer or folded constant.
    """

    node: fx.Node
    name: str
    arguments: dict[str, Any]
    sources: dict[fx.Node, str]
    constants: dict[fx.Node, torch.Tensor]

    def refuse(self, cause: str, fix: str) -> NoReturn:
        """Raises the error that names this layer."""
        raise SlipstickError(f"Layer '{self.name}'", cause, fix)

    def source(self, argument: str) -> str:
        """Name of the tensor given for ``argument``, which must depend on the image."""
        return self.source_of(self.arguments[argument])

    def source_of(self, value: Any) -> str:
        """Name of the tensor that an argument's value refers to."""
        if isinstance(value, fx.Node) and value in self.sources:
            return self.sources[value]
        self.refuse(
            f"operator {operator_name(self.node.target)} combines the image with a constant",
            "constants may only be the weights, biases and statistics of a layer",
        )

    def rank(self, argument: str) -> int:
        """Number of dimensions of a tensor argument, the batch included."""
        return self.rank_of(self.arguments[argument])

    def rank_of(self, value: fx.Node) -> int:
        """Number of dimensions of an argument's value, the batch included."""
        return len(_meta(value).shape)

    def input_shape(self, argument: str) -> tuple[int, int, int]:
        """``(C, H, W)`` of a tensor argument."""
        return self._shape(self.arguments[argument])

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the call's (first) result."""
        return self._shape(self.node)

    def keeps_batch(self, argument: str) -> bool:
        """Whether the first dimension of result and argument is the same."""
        before, after = _meta(self.arguments[argument]).shape[0], _meta(self.node).shape[0]
        return str(before) == str(after)

    def dtypes(self, argument: str) -> tuple[torch.dtype, torch.dtype]:
        """Element types of an argument and of the result."""
        return _meta(self.arguments[argument]).dtype, _meta(self.node).dtype

    def _shape(self, node: fx.Node) -> tuple[int, int, int]:
        return image_shape(self.name, node)

    def constant(self, argument: str) -> torch.Tensor | None:
        """A parameter, finite, as float32; None where the operator was given none."""
        value = self.arguments[argument]
        return None if value is None else self._parameter(argument, value)

    def constants_of(self, argument: str) -> list[torch.Tensor]:
        """The parameters of a list, each as `constant` gives it."""
        return [self._parameter(argument, value) for value in self.arguments[argument]]

    def _parameter(self, argument: str, value: fx.Node) -> torch.Tensor:
        if value not in self.constants:
            self.refuse(
                f"operator {operator_name(self.node.target)} computes its {argument} from the "
                "image",
                "weights, biases and statistics must be parameters or buffers",
            )
        if self.constants[value].is_meta:
            self.refuse(
                f"its {_PLURALS.get(argument, argument)} are on the meta device, without values",
                "load a checkpoint into the model before you export it",
            )
        return self._finite(argument, self.constants[value].detach().float())

    def required(self, argument: str) -> torch.Tensor:
        """A parameter that cannot be left out."""
        value = self.constant(argument)
        if value is None:
            self.refuse(f"it has no {argument}", "use a layer that keeps one")
        return value

    def _finite(self, argument: str, value: torch.Tensor) -> torch.Tensor:
        bad = {"NaN": int(value.isnan().sum()), "infinite": int(value.isinf().sum())}
        found = " and ".join(f"{count} {kind}" for kind, count in bad.items() if count)
        if found:
            what = _PLURALS.get(argument, f"{argument} values")
            self.refuse(
                f"{what} must be finite, found {found}",
                "retrain with a smaller learning rate or load an earlier checkpoint",
            )
        return value

    def pair(self, argument: str) -> tuple[int, int]:
        """A list of one or two integers as a pair."""
        value = self.arguments[argument]
        first, *rest = [value] if isinstance(value, int) else value
        return int(first), int(rest[0] if rest else first)


_PLURALS = {"weight": "weights", "adder": "weights", "mat2": "weights", "other": "weights"}


def image_shape(name: str, node: fx.Node) -> tuple[int, int, int]:
    """``(C, H, W)`` of an exported tensor; ``(F, 1, 1)`` of a vector."""
    size = _meta(node).shape[1:]
    whole = all(isinstance(extent, int) for extent in size)
    # (N, C, 1) is a vector that has lost one of two trailing dimensions.
    if not whole or len(size) not in (1, 2, 3) or (len(size) == 2 and size[1] != 1):
        raise SlipstickError(
            f"Layer '{name}'",
            f"it meets a tensor of shape ({', '.join(map(str, _meta(node).shape))})",
            "tensors must be (N, C, H, W) or (N, F), with only the batch N left open",
        )
    channels, height, width = (*size, 1, 1)[:3]
    return channels, height, width


def operator_name(target: Any) -> str:
    """An operator as a person would look it up: ``aten.conv2d.default``."""
    return str(target) if hasattr(target, "_schema") else getattr(target, "__name__", str(target))


def symmetric(padding: tuple[int, int]) -> tuple[int, int, int, int]:
    """``(rows, columns)`` of padding on both sides as ``(top, bottom, left, right)``."""
    return padding[0], padding[0], padding[1], padding[1]


def _meta(node: fx.Node) -> torch.Tensor:
    value = node.meta["val"]
    return value[0] if isinstance(value, tuple | list) else value
