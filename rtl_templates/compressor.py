"""Sums of many rows: bits are counted column by column inside the adders of other rows.

A LUT of a carry chain adds one bit to any function of five others. So an adder that takes in
a digit of the number of ones among five bits costs what a plain adder costs, and three of them
make three rows out of eight, where plain adders make four out of eight and then two out of four.
"""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Value

from slipstick.rtl_templates.arithmetic import Bounded, plus, register

COUNTERS = {5: 3, 3: 2, 1: 1}
"""Rows whose bits are counted, to the binary digits of the count."""


def compressor_latency(rows: int) -> int:
    """Cycles of a tree over ``rows`` rows: one a level."""
    levels = 0
    while rows > 1:
        fewer = 0
        for counted, digits in COUNTERS.items():
            groups, rows = divmod(rows, counted + digits)
            fewer += groups * digits
        rows += fewer
        levels += 1
    return levels


def compressor_tree(m: Module, rows: Sequence[Bounded], bits: int, name: str) -> Bounded:
    """Sum of ``rows`` modulo ``2**bits``, `compressor_latency` cycles later.

    No row is ever negative.
    """
    level = list(rows) or [Bounded(Const(0), 0, 0)]
    most = min(sum(row.hi for row in level), (1 << bits) - 1)
    depth = 0
    while len(level) > 1:
        # The wide ones are counted: see `_add`.
        fewer = _fewer(sorted(level, key=lambda row: -row.hi))
        # Columns in which digits are constant pass adders by: no register may be without reset.
        level = [
            register(
                m, Bounded(row.value, 0, min(row.hi, most)), f"{name}_{depth}_{index}", (0, bits)
            )
            for index, row in enumerate(fewer)
        ]
        depth += 1
    return level[0]


def _fewer(rows: list[Bounded]) -> list[Bounded]:
    """Rows of the same sum, each behind at most one adder."""
    sums = []
    for counted, digits in COUNTERS.items():
        while len(rows) >= counted + digits:
            count = _count(rows[:counted])
            rows = rows[counted:]
            # What is left over is a narrow row that waits, and the next level's first choice.
            others = [rows.pop() if counted == 1 else rows.pop(0) for _ in range(digits)]
            sums += [_add(*pair) for pair in zip(others, count, strict=True)]
    return sums + rows


def _add(row: Bounded, digit: Bounded) -> Bounded:
    highest = row.hi + digit.hi
    return Bounded(plus(row.value, digit.value, highest.bit_length()), 0, highest)


def _count(rows: list[Bounded]) -> list[Bounded]:
    """The number of ones in each column, digit by digit, each a row of its weight."""
    highest = sum(row.hi for row in rows)
    ones = (1 << max(row.hi.bit_length() for row in rows)) - 1
    digits = _digits([row.value for row in rows])
    return [
        Bounded(digit << weight if weight else digit, 0, min(ones << weight, highest))
        for weight, digit in enumerate(digits)
    ]


def _digits(rows: list[Value]) -> list[Value]:
    """Bit by bit, the binary digits of how many of 1, 3 or 5 rows are 1."""
    if len(rows) == 1:
        return rows
    a, b, c, *more = rows
    ones, twos = a ^ b ^ c, a & b | c & (a ^ b)
    if not more:
        return [ones, twos]
    d, e = more
    carry = d & e | ones & (d ^ e)
    return [ones ^ d ^ e, twos ^ carry, twos & carry]
