"""Balanced, registered reductions whose widths follow from proven intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned

from slipstick.rtl_templates.numbers import shape_for


@dataclass(frozen=True)
class Bounded:
    """A hardware value and the interval ``[lo, hi]`` it is proven to stay in."""

    value: Value
    lo: int
    hi: int


def register(m: Module, bounded: Bounded, name: str, passed: tuple[int, int] = (0, 0)) -> Bounded:
    """``bounded`` one cycle later, in the smallest format of its interval.

    The bits ``[first, end)`` that have ``passed`` no logic in front of the register have a reset:
    registers one behind the other would become a shift register, which is slow, without one.
    """
    shape = shape_for(bounded.lo, bounded.hi)
    first, end = (min(place, shape.width) for place in passed)
    widths = {"low": first, "passed": max(0, end - first), "high": shape.width - max(first, end)}
    if not widths["passed"]:
        signal = Signal(shape, name=name, reset_less=True)
        m.d.sync += signal.eq(bounded.value)
        return Bounded(signal, bounded.lo, bounded.hi)
    parts = Cat(
        Signal(width, name=f"{name}_{part}", reset_less=part != "passed")
        for part, width in widths.items()
        if width
    )
    m.d.sync += parts.eq(bounded.value)
    value = parts.as_signed() if shape.signed else parts
    return Bounded(value, bounded.lo, bounded.hi)


def plus(first: Value, second: Value, width: int) -> Value:
    """``first + second`` in ``width`` bits, ``second`` taken in by LUTs; neither is negative.

    Synthesis feeds one operand of an adder to the carries as it is and has LUTs take in the
    other. Of a sum it picks the narrower one for the carries, of a difference always the first:
    so this is a difference. A difference's first carry is 1, and then the lowest bit takes a LUT
    beside the one at its carry; the bit in front makes it 0.
    """
    negated = ~Cat(Const(0, 1), second, Const(0, max(0, width - len(second))))
    return (Cat(Const(0, 1), first) - negated)[1 : width + 1]


def tree_latency(terms: int) -> int:
    """Cycles of a tree over ``terms`` values: one a level."""
    return (terms - 1).bit_length()


def adder_tree(m: Module, terms: Sequence[Bounded], name: str) -> Bounded:
    """Sum of ``terms``, `tree_latency` cycles later.

    Every level is registered: a chain of unregistered adders would be melted by Yosys into
    full-adder LUTs off the carry chain.
    """

    def add(a: Bounded, b: Bounded) -> Bounded:
        return Bounded(a.value + b.value, a.lo + b.lo, a.hi + b.hi)

    return _tree(m, terms, add, name)


def max_tree(m: Module, terms: Sequence[Bounded], name: str) -> Bounded:
    """Maximum of ``terms``, `tree_latency` cycles later."""

    def larger(a: Bounded, b: Bounded) -> Bounded:
        value = Mux(a.value > b.value, a.value, b.value)
        return Bounded(value, max(a.lo, b.lo), max(a.hi, b.hi))

    return _tree(m, terms, larger, name)


def _tree(
    m: Module,
    terms: Sequence[Bounded],
    combine: Callable[[Bounded, Bounded], Bounded],
    name: str,
) -> Bounded:
    level = list(terms)
    depth = 0
    while len(level) > 1:
        pairs = [combine(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        odd = level[len(pairs) * 2 :]
        passed = [(0, 0)] * len(pairs) + [(0, shape_for(b.lo, b.hi).width) for b in odd]
        level = [
            register(m, bounded, f"{name}_{depth}_{index}", bits)
            for index, (bounded, bits) in enumerate(zip(pairs + odd, passed, strict=True))
        ]
        depth += 1
    return level[0]


def delayed(m: Module, value: Signal, cycles: int, name: str, reset_less: bool = True) -> Signal:
    """``value`` ``cycles`` cycles later."""
    for cycle in range(cycles):
        after = Signal(value.shape(), name=f"{name}_d{cycle + 1}", reset_less=reset_less)
        m.d.sync += after.eq(value)
        value = after
    return value


def field(vector: Value, index: int, width: int, is_signed: bool) -> Value:
    """Lane ``index`` of a flat vector of ``width``-bit lanes."""
    lane = vector[index * width : (index + 1) * width]
    return lane.as_signed() if is_signed else lane


def lane_shape(width: int, is_signed: bool) -> Shape:
    """Amaranth shape of one lane."""
    return signed(width) if is_signed else unsigned(width)
