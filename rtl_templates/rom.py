"""Constant tables."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

STYLES = {
    # Yosys reads `ram_style` first and calls LUTs "logic"; Vivado reads `rom_style` for a ROM.
    "lut": {"ram_style": "logic", "rom_style": "distributed"},
    "block": {"rom_style": "block"},
}


def rom_lookup(m: Module, index: Value, table: Sequence[int], width: int, name: str) -> Value:
    """``table[index]`` as combinational logic; 0 beyond the table's end.

    A table that is the same everywhere is a constant, also beyond its end.
    """
    _check_table(table, width)
    if len(set(table)) == 1:
        return Const(int(table[0]), width)
    result = Signal(width, name=name)
    with m.Switch(index):
        for row, value in enumerate(table):
            with m.Case(row):
                m.d.comb += result.eq(int(value))
    return result


class Rom(wiring.Component):
    """A table read one row a cycle.

    Parameters
    ----------
    table : unsigned integers, at least one.
    width : bits of a row.
    style : ``"lut"`` for logic, ``"block"`` for block RAM.
    latency : 1, or 2 with a second register: at the address (LUTs) or at the data (block RAM).

    Cost with Yosys 0.70: ``"lut"`` takes ``width`` LUTs up to 64 rows, twice as many (and
    MUXF7) for each doubling, and ``width`` flip-flops; ``"block"`` one RAMB36 for 512 rows of 72
    bits, and ``width`` flip-flops with latency 2, which Vivado moves into the block RAM. One row
    costs nothing.

    Members
    -------
    addr : row.
    data : ``table[addr]``, ``latency`` cycles later.
    """

    def __init__(self, table: Sequence[int], width: int, style: str, latency: int) -> None:
        if style not in STYLES:
            raise ValueError(f"Style must be one of {', '.join(STYLES)}, not {style!r}")
        if latency not in (1, 2):
            raise ValueError(f"Latency must be 1 or 2, not {latency!r}")
        _check_table(table, width)
        self._table = [int(value) for value in table]
        self._style, self._latency = style, latency
        super().__init__({"addr": In(range(len(self._table))), "data": Out(width)})

    @property
    def latency(self) -> int:
        """Cycles from `addr` to `data`."""
        return self._latency

    def model(self, addresses: Sequence[int]) -> list[int]:
        """The rows at ``addresses``."""
        return [self._table[address] for address in addresses]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if len(self._table) == 1:
            m.d.comb += self.data.eq(self._table[0])
            return m
        m.submodules.table = memory = Memory(
            shape=len(self.data),
            depth=len(self._table),
            init=self._table,
            attrs=STYLES[self._style],
        )
        read = memory.read_port(domain="sync")
        m.d.comb += read.en.eq(1)
        # The second register goes where it is cheap: LUTs have a short way to their data, block
        # RAM a long one.
        early = self._latency == 2 and self._style == "lut"
        late = self._latency == 2 and self._style == "block"
        m.d.comb += [
            read.addr.eq(_registered(m, self.addr, "addr_late") if early else self.addr),
            self.data.eq(_registered(m, read.data, "data_late") if late else read.data),
        ]
        return m


def _registered(m: Module, value: Signal, name: str) -> Signal:
    after = Signal(len(value), name=name, reset_less=True)
    m.d.sync += after.eq(value)
    return after


def _check_table(table: Sequence[int], width: int) -> None:
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"Width must be a positive integer, not {width!r}")
    if not len(table):
        raise ValueError("Table must have at least one row, not 0")
    for value in table:
        if not 0 <= value < 1 << width:
            raise ValueError(f"Table must hold {width}-bit unsigned integers, not {value!r}")
