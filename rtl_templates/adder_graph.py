"""Sums of shifted constants' multiples as a graph of adders, and its circuit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Signal, Value

from slipstick.rtl_templates.arithmetic import plus
from slipstick.rtl_templates.numbers import shape_for


class Operand(NamedTuple):
    """``node << shift``, each of the node's bits inverted where ``negative``."""

    node: int
    shift: int
    negative: bool


class Row(NamedTuple):
    """One adder: ``direct + (bit number ``order`` of the ones in each column of ``group``)``.

    A group of 1 is an operand as it is. A group of 3 or 5 is summed by rows of all its orders, each
    one adder: the bits of an order are functions of as many inputs as the group has operands, and
    those fit in the LUT that the adder needs anyway. ``extra`` is a constant that is added too,
    ``high`` bounds the sum, ``level`` is that of its adder.
    """

    direct: Operand
    group: tuple[Operand, ...]
    order: int
    high: int
    level: int


@dataclass
class AdderGraph:
    """Unsigned values: the inputs, then one a row.

    Attributes
    ----------
    highs : largest value of each node.
    levels : adders one behind the other after which each node is there; 0 for inputs.
    rows : of the nodes behind the inputs.
    """

    highs: list[int]
    levels: list[int] = field(init=False)
    rows: list[Row] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.levels = [0] * len(self.highs)

    @property
    def inputs(self) -> int:
        """How many of the nodes are inputs."""
        return len(self.highs) - len(self.rows)

    def width(self, node: int) -> int:
        """Bits of ``node``."""
        return max(1, self.highs[node].bit_length())

    def span(self, operand: Operand) -> tuple[int, int]:
        """The columns ``[first, end)`` of ``operand``."""
        return operand.shift, operand.shift + self.width(operand.node)

    def high(self, operand: Operand) -> int:
        """Largest value of ``operand``."""
        mask = (1 << self.width(operand.node)) - 1
        return (mask if operand.negative else self.highs[operand.node]) << operand.shift

    def add(
        self, direct: Operand, group: tuple[Operand, ...], order: int, high: int, level: int
    ) -> int:
        """Appends a row whose sum is at most ``high``; the node that it is."""
        self.rows.append(Row(direct, group, order, high, level))
        self.highs.append(high)
        self.levels.append(level)
        return len(self.highs) - 1

    def columns(self, group: Sequence[Operand], order: int) -> tuple[int, int]:
        """Columns ``[first, end)`` in which bit number ``order`` of a group's ones can be set."""
        firsts, ends = zip(*(self.span(operand) for operand in group), strict=True)
        least = 1 << order
        return sorted(firsts)[least - 1] + order, sorted(ends)[-least] + order

    def luts(self, direct: Operand, group: Sequence[Operand], order: int) -> int:
        """LUTs of a row: columns where its digit meets the direct operand, or is not a wire."""
        first, end = self.span(direct)
        found = end - first if direct.negative else 0
        for column in range(max(self.span(operand)[1] for operand in group)):
            met = [o for o in group if self.span(o)[0] <= column < self.span(o)[1]]
            if len(met) >= 1 << order:
                is_logic = len(met) > 1 or met[0].negative
                found += is_logic or first <= column + order < end
        return found

    def evaluate(self, values: Sequence[int]) -> list[int]:
        """All nodes for these inputs."""
        nodes = list(values)
        for row in self.rows:
            ones = _order([self.value(o, nodes) for o in row.group], row.order)
            nodes.append(self.value(row.direct, nodes) + ones)
        return nodes

    def value(self, operand: Operand, nodes: Sequence[int]) -> int:
        """``operand`` where the nodes are ``nodes``."""
        mask = (1 << self.width(operand.node)) - 1
        return (nodes[operand.node] ^ (mask if operand.negative else 0)) << operand.shift


def _order(values: Sequence[int], order: int) -> int:
    """What bit number ``order`` of the ones in each column is worth."""
    total = 0
    for column in range(max(value.bit_length() for value in values)):
        ones = sum(value >> column & 1 for value in values)
        total += (ones >> order & 1) << column + order
    return total


class AdderCircuit:
    """The rows of a graph in a module.

    Parameters
    ----------
    graph : whose nodes are all needed.
    inputs : unsigned values of its inputs, at level 0.
    adders : levels from one register to the next: level ``n`` is in cycle ``n // adders``.
    """

    def __init__(
        self, m: Module, graph: AdderGraph, inputs: Sequence[Value], adders: int = 1
    ) -> None:
        self._m, self._graph, self._adders = m, graph, adders
        # An input may come in more bits than its largest value has; those must not be inverted.
        self._values: list[list[Value]] = [
            [value[: graph.width(node)]] for node, value in enumerate(inputs)
        ]
        # Nodes that rows read in a cycle, and those of which they read every bit.
        self._added = {
            (o.node, self._before(row)) for row in graph.rows for o in (row.direct, *row.group)
        }
        self._whole = {
            (o.node, self._before(row))
            for row in graph.rows
            for o in (row.direct, *(() if row.order else row.group))
        }
        for index, row in enumerate(graph.rows):
            self._values.append([self._row(row, index)])

    def _before(self, row: Row) -> int:
        """The cycle in which ``row`` reads its operands."""
        return (row.level - 1) // self._adders

    def _row(self, row: Row, index: int) -> Value:
        bits = _ones([self.at(o, self._before(row)) for o in row.group], row.order)
        first, end = self._graph.columns(row.group, row.order)
        first = max(first, row.direct.shift)
        width = shape_for(0, row.high).width
        low = min(first, width)
        direct = self.at(row.direct, self._before(row))
        # Below ``first`` only one of the two has columns.
        both = plus(direct[first:], bits[first:end], width - low)
        found = Cat((direct | bits[:end])[:first], both)
        if row.level % self._adders:
            # Yosys would melt adders that follow each other into one heap of LUTs.
            now = Signal(width, name=f"sum_{index}", attrs={"keep": 1})
            self._m.d.comb += now.eq(found)
            return now
        # Columns below ``first`` only wait, see `_later`.
        added = (self._graph.inputs + index, row.level // self._adders) in self._added
        waits = Signal(low, name=f"sum_{index}_low", reset_less=not added)
        total = Signal(width - low, name=f"sum_{index}", reset_less=True)
        self._m.d.sync += Cat(waits, total).eq(found)
        return Cat(waits, total)

    def at(self, operand: Operand, cycle: int) -> Value:
        """``operand`` in ``cycle``, for which it waits in registers."""
        made = self._graph.levels[operand.node] // self._adders
        value = self._later(operand.node, cycle - made)
        if operand.negative:
            value = ~value
        return Cat(Const(0, operand.shift), value) if operand.shift else value.as_unsigned()

    def _later(self, node: int, cycles: int) -> Value:
        values = self._values[node]
        while len(values) <= cycles:
            name = f"node_{node}_d{len(values)}"
            # A shift register has no reset and is slow: in front of an adder stands a flip-flop.
            cycle = self._graph.levels[node] // self._adders + len(values)
            added = (node, cycle) in self._added and (node, cycle - 1) not in self._whole
            after = Signal(self._graph.width(node), name=name, reset_less=not added)
            self._m.d.sync += after.eq(values[-1])
            values.append(after)
        return values[cycles]


def _ones(values: Sequence[Value], order: int) -> Value:
    """Bit number ``order`` of the ones in each column, at the column that it counts for."""
    if len(values) == 1:
        return values[0]
    ones, carry = _full_adder(*values[:3])
    if len(values) == 3:
        return _raised(carry, 1) if order else ones
    ones, second = _full_adder(ones, *values[3:])
    return (ones, _raised(carry ^ second, 1), _raised(carry & second, 2))[order]


def _full_adder(a: Value, b: Value, c: Value) -> tuple[Value, Value]:
    return a ^ b ^ c, a & b | c & (a | b)


def _raised(value: Value, columns: int) -> Value:
    return Cat(Const(0, columns), value)
