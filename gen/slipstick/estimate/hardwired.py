"""Lane arrays whose weights never change: graphs of adders, and what waits in them."""

from slipstick.estimate.counted import Counted, luts
from slipstick.estimate.delays import tapped_delay
from slipstick.estimate.registry import counted
from slipstick.rtl_templates.hardwired_l1 import HardwiredL1
from slipstick.rtl_templates.hardwired_shift import HardwiredShift
from slipstick.rtl_templates.hardwired_sums import HardwiredSums


@counted.register
def _(part: HardwiredShift) -> Counted:
    return _adders(part._solved)


@counted.register
def _(part: HardwiredL1) -> Counted:
    graph = part._solved.graph
    bits = sum(graph.width(node) for node in range(graph.inputs))
    return _adders(part._solved) + Counted(ff=bits) + luts(minimum_inputs=graph.inputs)


def _adders(solved: HardwiredSums) -> Counted:
    """One register and one carry chain a row; operands of later cycles wait in registers."""
    graph = solved.graph
    waits: dict[int, set[int]] = {}
    rows = [(row.level - 1, (row.direct, *row.group)) for row in graph.rows]
    rows.append((solved.depth, tuple(filter(None, solved.outputs))))
    for level, operands in rows:
        for operand in operands:
            waits.setdefault(operand.node, set()).add(level - graph.levels[operand.node])
    total = Counted()
    for node, cycles in waits.items():
        total += tapped_delay(graph.width(node), cycles)
    bits = sum(graph.width(node) for node in range(graph.inputs, len(graph.highs)))
    return total + Counted(ff=bits) + luts(hardwired_bits=bits)
