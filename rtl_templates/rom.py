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
    MUXF7) for each doubling, and ``width`` flip-flops, but bits that are equal in all rows share
    theirs, and constant ones take none; ``"block"`` one RAMB36 for 512 rows of 72 bits, and
    ``width`` flip-flops with latency 2, which Vivado moves into the block RAM.

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
        if self._style == "lut":
            self._logic(m)
        else:
            self._block(m)
        return m

    def _logic(self, m: Module) -> None:
        """Reads the bits that differ alone, since nothing passes the border of a table."""
        columns = _columns(self._table, len(self.data))
        bits: dict[int, Value] = {0: Const(0, 1), (1 << len(self._table)) - 1: Const(1, 1)}
        differing = [column for column in dict.fromkeys(columns) if column not in bits]
        if differing:
            data = self._read(m, differing)
            bits |= {column: data[at] for at, column in enumerate(differing)}
        m.d.comb += [self.data[at].eq(bits[column]) for at, column in enumerate(columns)]

    def _read(self, m: Module, columns: Sequence[int]) -> Value:
        """A bit of each of ``columns``."""
        words = _columns(columns, len(self._table))
        m.submodules.table = table = _Logic(words, len(columns))
        # The second register goes where it is cheap: LUTs have a short way to their data, block
        # RAM a long one.
        early = self._latency == 2
        m.d.comb += table.addr.eq(_registered(m, self.addr, "addr_late") if early else self.addr)
        return _registered(m, table.data, "data_late")

    def _block(self, m: Module) -> None:
        if len(self._table) == 1:
            m.d.comb += self.data.eq(self._table[0])
            return
        m.submodules.table = memory = _memory(self._table, len(self.data), "block")
        read = memory.read_port(domain="sync")
        late = self._latency == 2
        m.d.comb += [
            read.en.eq(1),
            read.addr.eq(self.addr),
            self.data.eq(_registered(m, read.data, "data_late") if late else read.data),
        ]


class _Logic(wiring.Component):
    """A table in LUTs, without registers; the emitted module keeps its border in synthesis.

    Mapped by itself, a bit of up to 64 rows is one LUT. In the midst of an engine, where a longer
    path than this leaves time, Yosys's mapping shares parts of the bits and so makes up to twice
    as many LUTs of them; of registers in here it would make resets of the rows that are alike.
    """

    def __init__(self, words: Sequence[int], width: int) -> None:
        self._words = words
        super().__init__({"addr": In(range(len(words))), "data": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = _memory(self._words, len(self.data), "lut")
        read = memory.read_port(domain="comb")
        m.d.comb += [read.addr.eq(self.addr), self.data.eq(read.data)]
        return m


def _memory(words: Sequence[int], width: int, style: str) -> Memory:
    return Memory(shape=width, depth=len(words), init=words, attrs=STYLES[style])


def _columns(words: Sequence[int], width: int) -> list[int]:
    """Bit ``i`` of every word, the first word's lowest, for each ``i`` below ``width``."""
    return [sum((word >> bit & 1) << at for at, word in enumerate(words)) for bit in range(width)]


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
