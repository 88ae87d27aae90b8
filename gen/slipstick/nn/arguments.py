"""Checks of layer arguments, and their one normal form."""

from collections.abc import Sequence

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


def integer(name: str, value: object, least: int) -> int:
    """``value`` if it is an integer of at least ``least``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return value


def pair(name: str, value: int | Sequence[int], least: int) -> Pair:
    """``value`` as two integers (rows, columns) of at least ``least``."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2:
        raise ValueError(f"{name} must be one or two integers, not {value!r}")
    return integer(name, both[0], least), integer(name, both[1], least)


def sides(
    padding: str | int | Sequence[int], kernel_size: Pair, stride: Pair, dilation: Pair
) -> Sides:
    """``padding`` as ``(top, bottom, left, right)``, with torch's meaning of "same"."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f"Stride must be 1 with padding='same', not {stride!r}")
        rows, columns = (d * (k - 1) for d, k in zip(dilation, kernel_size, strict=True))
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2
    if isinstance(padding, str):
        raise ValueError(f"Padding must be 'same', 'valid' or integers, not {padding!r}")
    rows, columns = pair("Padding", padding, 0)
    return rows, rows, columns, columns
