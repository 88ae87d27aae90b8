"""What a checkpoint's pickle may be made of beside plain containers, all of it inert."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from slipstick.errors import SlipstickError

LISTED = 12
"""Names that an error shows of each kind."""
AGAIN = "copy it again from where it came"


class UnreadableError(Exception):
    """A file that cannot be read, before its name is known.

    Parameters
    ----------
    cause, fix : as of `SlipstickError`.
    """

    def __init__(self, cause: str, fix: str = AGAIN) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix

    def of(self, thing: str) -> SlipstickError:
        """This, as the error of the file ``thing``."""
        return SlipstickError(thing, self.cause, self.fix)


def type_name(value: Any) -> str:
    """What ``value`` is, in a few characters however large it is."""
    return repr(str(value)[:60] if isinstance(value, str | Global) else type(value).__name__)


def listed(what: str, names: Sequence[str]) -> str:
    """``what`` and the first of the names; nothing if there are none."""
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{what} {', '.join(names[:LISTED])}{more}"


def damaged(detail: str) -> UnreadableError:
    """The error of a file that breaks its own format's rules."""
    return UnreadableError(f"is truncated or damaged ({detail})")


def forbidden(name: str) -> UnreadableError:
    """The error of a file that wants ``name`` to be called."""
    # A name may hold what a terminal would obey.
    shown = name[:100].encode("unicode_escape").decode()
    return UnreadableError(
        f"asks for code: {shown}", "save it as a state dict, in which nothing must be executed"
    )


@dataclass(frozen=True)
class Global:
    """The name of a class or function, which is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Record:
    """Stands in for an object of a foreign class.

    Attributes
    ----------
    kind : the name of its class.
    fields : its attributes.
    """

    kind: Global
    fields: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False)
class DType:
    """Stands in for a numpy element type while it is read."""

    code: str
    order: Literal["<", ">", "|", "="] = "<"

    def numpy(self) -> np.dtype:
        """The numpy type; its code is one of `slipstick.importers.arrays.CODES`."""
        return np.dtype(self.code).newbyteorder(self.order)


@dataclass(eq=False)
class Array:
    """Stands in for a numpy array, whose numbers come after it in the pickle."""

    numbers: np.ndarray | None = None
