"""The TOML file in which a user chooses widths and folds."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from slipstick.errors import SlipstickError

__all__ = [
    "Config",
    "FoldOptions",
    "LayerOptions",
    "QuantiseOptions",
    "check_layers",
    "load_config",
    "spendable",
    "with_goal",
]

Bits = Annotated[int, Field(ge=2, le=16, strict=True)]
Fraction = Annotated[int, Field(ge=0, le=32, strict=True)]
Terms = Annotated[int, Field(ge=1, le=4, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Rate = Annotated[float, Field(gt=0, le=1e9)]


def _whole_or_share(value: object) -> object:
    """A number, or a share in per cent, as ``"70%"``."""
    if isinstance(value, str) and re.fullmatch(r"\d+", value):
        return int(value)
    if isinstance(value, str) and not SHARE.fullmatch(value):
        raise ValueError("must be a number or a share of at most 100 %, as 70%")
    return value


SHARE = re.compile(r"(?!0+%)(?:\d{1,2}|100)%")
Budget = Annotated[Count | str, BeforeValidator(_whole_or_share)]


def spendable(budget: int | str | None, capacity: int, default: str = "80%") -> int:
    """What ``budget`` allows of ``capacity``."""
    chosen = default if budget is None else budget
    if isinstance(chosen, int):
        return min(chosen, capacity)
    return capacity * int(chosen.removesuffix("%")) // 100


class _Section(BaseModel):
    """Frozen, and closed: a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class QuantiseOptions(_Section):
    """``[quantise]``: widths of the whole network."""

    activation_bits: Bits = Field(8, description="of every tensor between layers")
    output_bits: Bits = Field(16, description="of the network's result; wide ones avoid ties")
    weight_bits: Bits = Field(8, description="of ordinary layers, which become shifts and adds")
    bn_terms: Terms = Field(3, description="signed powers of two of a folded BatchNorm's scale")
    product_frac: Fraction | None = Field(
        None, description="fraction bits after which each product of a DeepShift layer is cut off"
    )


class FoldOptions(_Section):
    """``[fold]``: how much hardware may be spent."""

    lanes: Count = Field(256, description="lanes in all, shared out between the layers")
    interval: Count | None = Field(None, description="cycles a frame may take")
    target_fps: Rate | None = Field(None, description="frames a second, at the board's clock")
    lut_budget: Budget | None = Field(None, description="LUTs, or a share of the board's")
    bram_budget: Budget | None = Field(None, description="36 Kbit block RAMs, or a share")
    latency: Annotated[bool, Field(strict=True)] = Field(
        False, description="the result as soon as can be, within the budgets"
    )

    @property
    def is_goal(self) -> bool:
        """Whether folds are to make the best of a board instead of sharing out ``lanes``."""
        wanted = (self.target_fps, self.lut_budget, self.bram_budget)
        return self.latency or any(x is not None for x in wanted)


class LayerOptions(_Section):
    """``[layer."name"]``: one layer's own choices."""

    activation_bits: Bits | None = None
    weight_bits: Bits | None = None
    bn_terms: Terms | None = None
    product_frac: Fraction | None = None
    weights: Literal["power-of-two"] | None = Field(
        None, description="promises that an ordinary layer's weights are powers of two"
    )
    P: Count | None = Field(None, description="output channels in parallel")
    S: Count | None = Field(None, description="input channels in parallel")
    Q: Count | None = Field(None, description="taps in parallel")
    rom: Literal["lut", "block"] | None = Field(None, description="what holds the weights")


class Config(_Section):
    """All choices, defaults filled in."""

    quantise: QuantiseOptions = QuantiseOptions()
    fold: FoldOptions = FoldOptions()
    layer: Mapping[str, LayerOptions] = Field(default_factory=dict)

    def layer_option(self, layer: str, key: str) -> Any:
        """What the user chose for ``layer`` alone, or None."""
        return getattr(self.layer.get(layer, LayerOptions()), key)

    def option(self, layer: str, key: str) -> Any:
        """What holds for ``layer``: its own choice, else the network's, else None."""
        chosen = self.layer_option(layer, key)
        return getattr(self.quantise, key, None) if chosen is None else chosen


def load_config(path: Path | None) -> Config:
    """The choices in the TOML file ``path``; all defaults for None.

    Raises `SlipstickError` naming file and key if it cannot be read or holds what is not allowed.
    """
    if path is None:
        return Config()
    thing = f"Configuration '{path}'"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SlipstickError(
            thing, f"cannot be read ({error.strerror})", "give the path of a TOML file"
        ) from error
    except (ValueError, RecursionError) as error:
        # Beside what is no TOML: no UTF-8, numbers of thousands of digits, a tower of brackets.
        raise SlipstickError(thing, f"is not TOML ({error})", "correct it there") from error
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise _refusal(thing, error) from error


def with_goal(config: Config, **goal: Any) -> Config:
    """``config`` with what of ``goal`` is not None in its ``[fold]``.

    Raises `SlipstickError` for a value that is not allowed, and for choices that exclude
    each other.
    """
    given = {key: value for key, value in goal.items() if value is not None}
    document = config.model_dump(exclude_unset=True)
    document["fold"] = document.get("fold", {}) | given
    try:
        chosen = Config.model_validate(document)
    except ValidationError as error:
        raise _refusal("Goal", error) from error
    fold = chosen.fold
    if fold.is_goal and "lanes" in fold.model_fields_set:
        raise _clash("lanes", "target_fps, latency or a budget")
    if fold.target_fps is not None and fold.interval is not None:
        raise _clash("interval", "target_fps")
    return chosen


def _clash(key: str, other: str) -> SlipstickError:
    return SlipstickError(
        f"Configuration [fold] {key}", f"does not go together with {other}", "leave out one of them"
    )


def _refusal(thing: str, error: ValidationError) -> SlipstickError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"][:-1])
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        return SlipstickError(
            thing, f"key '{key}' is not known", f"{hint}known: {', '.join(known)}"
        )
    message = first["msg"][0].lower() + first["msg"][1:]
    return SlipstickError(
        thing, f"key '{key}': {message}, not {first['input']!r}", "give it an allowed value"
    )


def _known_keys(section: tuple[int | str, ...]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "quantise": QuantiseOptions,
        "fold": FoldOptions,
        "layer": LayerOptions,
    }
    model = sections[str(section[0])] if section else Config
    return list(model.model_fields)


def check_layers(config: Config, names: Iterable[str]) -> None:
    """Raises `SlipstickError` if a ``[layer]`` table is for a layer that the network lacks."""
    known = list(names)
    for layer in config.layer:
        if layer not in known:
            close = difflib.get_close_matches(layer, known, n=3)
            hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            raise SlipstickError(
                f'Configuration [layer."{layer}"]',
                "the network has no such layer",
                f"{hint}`slipstick inspect` lists them",
            )
