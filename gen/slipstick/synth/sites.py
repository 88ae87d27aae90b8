"""An estimate of the LUT sites that a netlist occupies on the device.

The number of LUT cells is neither: a carry chain whose select pin is fed straight by a
flip-flop still spends a LUT there, and a site has two outputs, so that two small LUTs share
one. Yosys's own "estimated LCs" pairs carry LUTs with each other, which no device can do.
The rules here, in order:

1. Each CARRY4 select pin that is not constant is one site, of the LUT that drives it or of a
   route-through. A LUT that drives the data pin beside it shares the site if both together
   read at most five nets.
2. The remaining LUTs are paired greedily where two together read at most five nets.

It is an estimate of what a packer could do, not the result of one.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from slipstick.synth.cells import LUTS

SHARED_INPUTS = 5
"""Inputs of a 6-input LUT when both of its outputs are in use."""

SEARCHED_FANOUT = 48
"""Readers of one net that are searched for a partner; bounds the work on high fan-out nets."""

Cell = Mapping[str, Any]
Nets = frozenset[int]


def estimate_sites(cells: Iterable[Cell]) -> int:
    """Sites of the LUTs and carry chains among ``cells`` of a Yosys JSON netlist."""
    cells = list(cells)
    luts = {_output(cell): _inputs(cell) for cell in cells if cell["type"] in LUTS}
    carries = [cell["connections"] for cell in cells if cell["type"] == "CARRY4"]
    sites = _place_carries(carries, luts)
    return sites + _pair(list(luts.values()))


def _output(cell: Cell) -> int:
    bit: int = cell["connections"]["O"][0]
    return bit


def _inputs(cell: Cell) -> Nets:
    """The nets that a LUT reads; constants are strings in the netlist and cost nothing."""
    return frozenset(
        bit
        for port, bits in cell["connections"].items()
        if port != "O"
        for bit in bits
        if isinstance(bit, int)
    )


def _place_carries(carries: list[Mapping[str, Any]], luts: dict[int, Nets]) -> int:
    """Sites at carry chains; takes the LUTs placed there out of ``luts``."""
    pins = [pair for carry in carries for pair in zip(carry["S"], carry["DI"], strict=True)]
    pins = [(select, data) for select, data in pins if isinstance(select, int)]
    placed = {select for select, _ in pins}
    for select, data in pins:
        reads = luts.get(select, frozenset({select}))
        if data not in placed and data in luts and len(reads | luts[data]) <= SHARED_INPUTS:
            placed.add(data)
    for output in placed:
        luts.pop(output, None)
    return len(pins)


def _pair(luts: list[Nets]) -> int:
    """Sites of ``luts`` after pairing, widest first, each with the widest that still fits."""
    order = sorted(range(len(luts)), key=lambda lut: -len(luts[lut]))
    readers: dict[int, deque[int]] = defaultdict(deque)
    for lut in order:
        for net in luts[lut]:
            readers[net].append(lut)
    by_width: dict[int, list[int]] = defaultdict(list)
    for lut in reversed(order):
        by_width[len(luts[lut])].append(lut)
    free = set(order)
    sites = 0
    for lut in order:
        if lut not in free:
            continue
        free.remove(lut)
        sites += 1
        partner = _related(luts, lut, readers, free)
        if partner is None:
            partner = _unrelated(len(luts[lut]), by_width, free)
        if partner is not None:
            free.remove(partner)
    return sites


def _related(
    luts: list[Nets], lut: int, readers: Mapping[int, deque[int]], free: set[int]
) -> int | None:
    """The widest free LUT that shares a net with ``lut`` and fits beside it."""
    for net in luts[lut]:
        while readers[net] and readers[net][0] not in free:
            readers[net].popleft()
    candidates = (
        other
        for net in sorted(luts[lut])
        for other in islice(readers[net], SEARCHED_FANOUT)
        if other in free and len(luts[lut] | luts[other]) <= SHARED_INPUTS
    )
    return max(candidates, key=lambda other: (len(luts[other]), -other), default=None)


def _unrelated(width: int, by_width: Mapping[int, list[int]], free: set[int]) -> int | None:
    """The widest free LUT that fits beside one of ``width`` inputs without sharing a net."""
    for other_width in range(SHARED_INPUTS - width, -1, -1):
        stack = by_width.get(other_width, [])
        while stack and stack[-1] not in free:
            stack.pop()
        if stack:
            return stack[-1]
    return None
