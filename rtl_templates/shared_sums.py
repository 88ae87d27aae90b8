"""Finds the sums of two operands that several outputs have in common."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from slipstick.rtl_templates.adder_graph import AdderGraph, Operand

WORTH = 0.63
"""Adders that an operand less saves where an output is summed: those of `column_sums`."""
PAIRS = 2_000_000
"""Pairs of operands that are looked at; of larger layers only those among nearby inputs."""


class Pair(NamedTuple):
    """Two operands as outputs have them in common, whatever their common shift and sign."""

    first: int
    second: int
    shift: int
    opposite: bool


class SharedSums:
    """Replaces the pair whose sharing saves most by a node of its own, until none saves any.

    A greedy search: a pair that occurs in ``n`` outputs saves ``WORTH * n - 1`` adders of as many
    bits as the two overlap in. Deterministic: equal savings are taken in the order of `Pair`.

    Parameters
    ----------
    graph : gets the shared sums.
    sums : the operands of each output; replaced in place.
    depth : levels after which each output must be there.
    """

    def __init__(self, graph: AdderGraph, sums: Sequence[list[Operand]], depth: int) -> None:
        self._graph, self._sums = graph, sums
        # A tree of rows exists if the operands' `2**level` sum up to at most `2**depth`.
        self._room = [
            (1 << depth) - sum(1 << graph.levels[operand.node] for operand in operands)
            for operands in sums
        ]
        self._counts: Counter[Pair] = Counter()
        self._users: defaultdict[int, set[int]] = defaultdict(set)
        self._queue: list[tuple[float, Pair]] = []
        pairs = sum(len(operands) ** 2 // 2 for operands in sums)
        self._regions = -(-pairs // PAIRS)
        nodes = len(graph.highs)
        self._region = [node * self._regions // nodes for node in range(nodes)]
        for output, operands in enumerate(sums):
            for operand in operands:
                self._users[operand.node].add(output)
            self._counts.update(self._pairs(combinations(operands, 2)))

    def run(self) -> None:
        """Does all that saves adders."""
        for pair in self._counts:
            self._offer(pair)
        while self._queue:
            saving, pair = heapq.heappop(self._queue)
            current = self._saving(pair)
            if current <= 0:
                continue
            if current < -saving:
                heapq.heappush(self._queue, (-current, pair))
                continue
            found = self._occurrences(pair)
            if WORTH * sum(len(places) for places in found.values()) > 1:
                self._share(pair, found)
            else:
                self._counts[pair] = 0

    def _pairs(self, couples: Iterable[tuple[Operand, Operand]]) -> Iterable[Pair]:
        for a, b in couples:
            if self._region[a.node] == self._region[b.node]:
                yield _pair(a, b)

    def _offer(self, pair: Pair) -> None:
        saving = self._saving(pair)
        if saving > 0:
            heapq.heappush(self._queue, (-saving, pair))

    def _saving(self, pair: Pair) -> float:
        return (WORTH * self._counts[pair] - 1) * max(1, self._overlap(pair))

    def _overlap(self, pair: Pair) -> int:
        first, second = (self._graph.width(node) for node in (pair.first, pair.second))
        return min(first, pair.shift + second) - max(0, pair.shift)

    def _occurrences(self, pair: Pair) -> dict[int, list[tuple[Operand, Operand]]]:
        """By output the disjoint places of ``pair`` that its depth allows to replace."""
        levels = self._graph.levels
        first, second = levels[pair.first], levels[pair.second]
        grown = (2 << max(first, second)) - (1 << first) - (1 << second)
        found = {}
        for output in sorted(self._users[pair.first] & self._users[pair.second]):
            operands = set(self._sums[output])
            places = []
            for a in self._sums[output]:
                b = Operand(pair.second, a.shift + pair.shift, a.negative ^ pair.opposite)
                if a.node == pair.first and a in operands and b in operands and a != b:
                    operands -= {a, b}
                    places.append((a, b))
            fitting = len(places) if not grown else self._room[output] // grown
            if places[:fitting]:
                found[output] = places[:fitting]
                self._room[output] -= grown * len(found[output])
        return found

    def _share(self, pair: Pair, found: dict[int, list[tuple[Operand, Operand]]]) -> None:
        """Makes ``pair`` a node and puts it into the outputs where it was found."""
        graph = self._graph
        low = min(0, pair.shift)
        a, b = Operand(pair.first, -low, False), Operand(pair.second, pair.shift - low, False)
        # Inverted bits outside the other's columns cost LUTs: the narrower one is inverted.
        inverts_first = pair.opposite and graph.width(a.node) < graph.width(b.node)
        direct, other = (b, a) if inverts_first else (a, b)
        other = other._replace(negative=pair.opposite)
        high = graph.high(direct) + graph.high(other)
        level = max(graph.levels[a.node], graph.levels[b.node]) + 1
        node = graph.add(direct, (other,), 0, high, level)
        self._region.append(self._region[pair.first])
        for output, places in found.items():
            for first, second in places:
                negative = second.negative if inverts_first else first.negative
                new = Operand(node, first.shift + low, negative)
                self._replace(output, (first, second), new)

    def _replace(self, output: int, old: tuple[Operand, Operand], new: Operand) -> None:
        operands = self._sums[output]
        for operand in old:
            operands.remove(operand)
            gone = self._pairs((operand, other) for other in operands)
            self._counts.subtract(gone)
        # The couple itself was counted once, with the first of the two.
        for operand in old:
            if all(other.node != operand.node for other in operands):
                self._users[operand.node].discard(output)
        fresh = list(self._pairs((new, other) for other in operands))
        self._counts.update(fresh)
        operands.append(new)
        self._users[new.node].add(output)
        for pair in set(fresh):
            self._offer(pair)


def _pair(a: Operand, b: Operand) -> Pair:
    if (b.node, b.shift) < (a.node, a.shift):
        a, b = b, a
    return Pair(a.node, b.node, b.shift - a.shift, a.negative != b.negative)
