"""Sums many operands in few adders: those of one column share the LUT of a carry chain."""

from collections.abc import Sequence

from slipstick.rtl_templates.adder_graph import AdderGraph, Operand


class ColumnSum:
    """The sum of ``operands`` as rows of ``graph``, within ``depth`` levels.

    Of a carry chain's LUT only one input is the chain's own operand; the others may take any
    function of up to five more. So ``b + p + q + r`` takes two adders, ``b`` plus the ones of each
    column of three and that plus their carries, and ``b`` and five operands take three.

    Parameters
    ----------
    graph : gets the rows.
    operands : what is added up, at least one.
    depth : levels after which the sum must be there; the operands' ``2**level`` must sum up to at
        most ``2**depth``.
    """

    def __init__(self, graph: AdderGraph, operands: Sequence[Operand], depth: int) -> None:
        self._graph, self._depth = graph, depth
        self._waiting = list(operands)
        self._level = min(graph.levels[operand.node] for operand in operands)
        self._room = (1 << depth) - sum(1 << graph.levels[o.node] for o in operands)

    def run(self) -> Operand:
        """The operand that is the sum."""
        while len(self._waiting) > 1:
            self._step()
        return self._waiting[0]

    def _step(self) -> None:
        """Takes what is there at this level and leaves what can wait for the next one."""
        level, left = self._level, self._depth - self._level
        ready = sorted(
            (o for o in self._waiting if self._graph.levels[o.node] <= level),
            key=lambda o: (self._graph.span(o), o),
        )
        while len(ready) > 1:
            size = self._size(len(ready), left)
            if size == 1:
                break
            group, ready = ready[:size], ready[size:]
            self._add(group)
        self._room -= len(ready) << level
        self._level += 1

    def _size(self, ready: int, left: int) -> int:
        """How many of ``ready`` operands to add up next, 1 to let them wait."""
        unit = 1 << self._level
        if ready >= 6 and left >= 3 and self._room >= 2 * unit:
            self._room -= 2 * unit
            return 6
        if ready >= 4 and left >= 2:
            return 4
        return 1 if self._room >= ready * unit and len(self._waiting) > ready else 2

    def _add(self, group: list[Operand]) -> None:
        for operand in group:
            self._waiting.remove(operand)
        self._waiting.append(add_up(self._graph, group, self._level))


def add_up(graph: AdderGraph, operands: Sequence[Operand], level: int) -> Operand:
    """The sum of 2, 4 or 6 operands that are there at ``level``: one, two or three rows."""
    low = min(operand.shift for operand in operands)
    operands = [operand._replace(shift=operand.shift - low) for operand in operands]
    chosen = min(range(len(operands)), key=lambda index: _cost(graph, operands, index))
    direct = operands[chosen]
    group = (*operands[:chosen], *operands[chosen + 1 :])
    total = sum(graph.high(operand) for operand in operands)
    for order in range(len(group).bit_length()):
        node = graph.add(direct, group, order, total, level + order + 1)
        direct = Operand(node, 0, False)
    return direct._replace(shift=low)


def _cost(graph: AdderGraph, operands: Sequence[Operand], chosen: int) -> tuple[int, int]:
    """LUTs of the first row with that operand direct; then how far it reaches up."""
    direct = operands[chosen]
    group = [operand for index, operand in enumerate(operands) if index != chosen]
    return graph.luts(direct, group, 0), -graph.span(direct)[1]
