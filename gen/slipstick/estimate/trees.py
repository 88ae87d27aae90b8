"""Trees of adders: their bits and registers, from the largest values that rows can have."""

from collections.abc import Sequence

from slipstick.estimate.counted import Counted, luts
from slipstick.rtl_templates.compressor import COUNTERS
from slipstick.rtl_templates.numbers import shape_for


def compressor(highest: Sequence[int], width: int, levels: int) -> Counted:
    """`compressor_tree` over rows of at most ``highest``, and registers up to ``levels``."""
    rows = list(highest)
    most = min(sum(rows), (1 << width) - 1)
    ff, depth = 0, 0
    bits = dict.fromkeys(COUNTERS, 0)
    while len(rows) > 1:
        rows = _fewer(sorted(rows, reverse=True), most, bits)
        ff += sum(row.bit_length() for row in rows)
        depth += 1
    last = rows[0].bit_length() if rows else 0
    ff += last * (levels - depth)
    return Counted(ff=ff) + luts(**{f"compressor_{n}_bits": count for n, count in bits.items()})


def _fewer(rows: list[int], most: int, bits: dict[int, int]) -> list[int]:
    """The rows of the next level, as the compressor picks them; adds its adders' LUTs to ``bits``.

    A LUT stands where the digit is more than a wire; elsewhere the carries pass a row's own bits.
    """
    sums: list[int] = []
    for counted, digits in COUNTERS.items():
        while len(rows) >= counted + digits:
            taken, rows = rows[:counted], rows[counted:]
            others = [rows.pop() if counted == 1 else rows.pop(0) for _ in range(digits)]
            widths = sorted((row.bit_length() for row in taken), reverse=True)
            ones = (1 << widths[0]) - 1
            for weight, other in enumerate(others):
                sums.append(min(most, other + min(ones << weight, sum(taken))))
                passed = max(0, other.bit_length() - weight) if counted == 1 else widths[0]
                # So many rows have the highest column in which this digit is ever set.
                bits[counted] += min(passed, widths[(1 << weight) - 1])
    return sums + rows


def plain_tree(lo: int, hi: int, terms: int) -> Counted:
    """`adder_tree` over ``terms`` values of ``[lo, hi]``."""
    ff = bits = 0
    sizes = [1] * terms
    while len(sizes) > 1:
        pairs = list(zip(sizes[::2], sizes[1::2], strict=False))
        # A carry needs no LUT of its own, nor does a sign that both extend.
        reaching = min if lo >= 0 else max
        bits += sum(shape_for(lo * n, hi * n).width for n in map(reaching, pairs))
        sizes = [a + b for a, b in pairs] + sizes[len(pairs) * 2 :]
        ff += sum(shape_for(lo * n, hi * n).width for n in sizes)
    return Counted(ff=ff) + luts(tree_bits=bits)
