"""How the page writes numbers, shapes and grids."""

from collections.abc import Iterable

MISSING = "\N{EN DASH}"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MANY_SHARE = 0.1


def number(value: float | None) -> str:
    """Thousands grouped; a fraction shows one decimal."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float | None) -> str:
    """Two significant decimals where the share is small, so that nothing reads 0 by rounding."""
    if share is None:
        return MISSING
    return f"{100 * share:.1f} %" if share >= _MANY_SHARE or share == 0 else f"{100 * share:.2f} %"


def error(share: float | None) -> str:
    """How far something is off: ``+1.2 %``."""
    return MISSING if share is None else f"{100 * share:+.1f} %".replace("-", "\N{MINUS SIGN}")


def shape(sizes: Iterable[int]) -> str:
    """``16 x 28 x 28``; the ones of a vector are left out."""
    kept = list(sizes)
    return "×".join(map(str, kept[:1] if kept[1:] == [1, 1] else kept))


def power_of_two(exponent: int) -> str:
    """``2`` with ``exponent`` as a superscript."""
    return "2" + str(exponent).translate(_SUPERSCRIPT)


def grid(width: int, signed: bool, frac: int) -> str:
    """A format as ``u8 · 2^-5``: unsigned, eight bits, steps of a 32nd."""
    step = f" · {power_of_two(-frac)}" if frac else ""
    return f"{'s' if signed else 'u'}{width}{step}"


def shortened(text: str, longest: int) -> str:
    """``text`` with its middle left out if it is longer than ``longest``."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"
