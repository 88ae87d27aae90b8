"""Constant tables."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


def rom_lookup(m: Module, index: Value, table: Sequence[int], width: int, name: str) -> Value:
    """``table[index]`` as combinational logic; 0 beyond the table's end."""
    for value in table:
        if not 0 <= value < 1 << width:
            raise ValueError(f"Table {name!r} must hold {width}-bit integers, not {value!r}")
    if len(set(table)) == 1:
        return Const(table[0], width)
    result = Signal(width, name=name)
    with m.Switch(index):
        for row, value in enumerate(table):
            with m.Case(row):
                m.d.comb += result.eq(value)
    return result


class Rom(wiring.Component):
    """A table read one row a cycle.

    Parameters
    ----------
    table : unsigned integers.
    width : bits of a row.
    style : ``"lut"`` for logic, ``"block"`` for block RAM.
    latency : 1, or 2 with an output register.
    """

    def __init__(self, table: Sequence[int], width: int, style: str, latency: int) -> None:
        if latency not in (1, 2):
            raise ValueError(f"Latency must be 1 or 2, not {latency!r}")
        self._table, self._style, self._latency = list(table), style, latency
        super().__init__({"addr": In(range(len(self._table))), "data": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        style = {"lut": "distributed", "block": "block"}[self._style]
        m.submodules.table = memory = Memory(
            shape=len(self.data),
            depth=len(self._table),
            init=self._table,
            attrs={"rom_style": style, "ram_style": style},
        )
        read = memory.read_port(domain="sync")
        m.d.comb += [read.addr.eq(self.addr), read.en.eq(1)]
        if self._latency == 1:
            m.d.comb += self.data.eq(read.data)
        else:
            late = Signal(len(self.data), reset_less=True)
            m.d.sync += late.eq(read.data)
            m.d.comb += self.data.eq(late)
        return m
