"""Lane arrays whose weights never change: graphs of adders, and what waits in them."""

from slipstick.estimate.counted import Counted, luts
from slipstick.estimate.delays import tapped_delay
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.hardwired_sums import HardwiredSums


@counted.register
def _(part: HardwiredShift) -> Counted:
    return _adders(part._solved, part._adders)


@counted.register
def _(part: HardwiredL1) -> Counted:
    graph = part._solved.graph
    bits = sum(graph.width(node) for node in range(graph.inputs))
    return _adders(part._solved, 1) + Counted(ff=bits) + luts(minimum_inputs=graph.inputs)


def _adders(solved: HardwiredSums, adders: int) -> Counted:
    """One carry chain a row, and a register where a cycle ends; operands wait in registers."""
    graph = solved.graph
    waits: dict[int, set[int]] = {}
    rows = [((row.level - 1) // adders, (row.direct, *row.group)) for row in graph.rows]
    rows.append((solved.latency(adders), tuple(filter(None, solved.outputs))))
    for cycle, operands in rows:
        for operand in operands:
            made = graph.levels[operand.node] // adders
            waits.setdefault(operand.node, set()).add(cycle - made)
    total = Counted()
    for node, cycles in waits.items():
        total += tapped_delay(graph.width(node), cycles)
    widths = [(graph.width(n), graph.levels[n]) for n in range(graph.inputs, len(graph.highs))]
    ff = sum(width for width, level in widths if level % adders == 0)
    bits = sum(graph.luts(row.direct, row.group, row.order) for row in graph.rows)
    return total + Counted(ff=ff) + luts(hardwired_bits=bits)
