"""A table in block RAM that has more rows than a block RAM of its width."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.block_shapes import rom_shape
from slipstick.rtl_templates.rom import STYLES


class DeepRom(wiring.Component):
    """Reads the rows of a table one after the other, and again from the first.

    Rows lie side by side in the words of a memory, as many as make it so shallow that block RAMs
    hold a word without a multiplexer. The word of the row at the head is read ahead, so that
    a register comes behind the block RAM before the row is chosen: synthesis that has to split a
    deep table chooses in the same cycle.

    Parameters
    ----------
    table : unsigned integers, more than one.
    width : bits of a row.

    Members
    -------
    i_advance : the next row is at the head in the next cycle; not in the first after reset.
    o_data : the row that was at the head two cycles ago.

    Latency: 2 cycles.
    """

    LATENCY = 2

    def __init__(self, table: Sequence[int], width: int) -> None:
        self._table = [int(value) for value in table]
        _, self.beside = rom_shape(width, len(self._table))
        super().__init__({"i_advance": In(1), "o_data": Out(width)})

    @property
    def words(self) -> int:
        """Words of the memory, of `beside` rows each."""
        return -(-len(self._table) // self.beside)

    def model(self, advances: Sequence[bool]) -> list[int]:
        """`o_data` two cycles after each of the cycles in which ``i_advance`` was this."""
        data, row = [], 0
        for advance in advances:
            data.append(self._table[row])
            row = (row + int(advance)) % len(self._table)
        return data

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place = Signal(range(self.beside))
        word, place_late = self._word(m, place), delayed(m, place, 1, "place")
        late = delayed(m, word, 1, "word")
        width = len(self.o_data)
        rows = [late[at * width : (at + 1) * width] for at in range(self.beside)]
        m.d.sync += self.o_data.eq(_chosen(rows, place_late))
        return m

    def _word(self, m: Module, place: Signal) -> Value:
        """The word whose row number ``place`` is at the head; counts ``place``."""
        m.submodules.table = memory = self._memory()
        read = memory.read_port(domain="sync")
        primed, turns = Signal(name="primed"), Signal(name="turns")
        # The next word is 0 while the last one is at the head.
        after = Signal(range(self.words), name="next_word")
        last = (len(self._table) - 1) % self.beside
        m.d.comb += [
            turns.eq(place == Mux(after == 0, last, self.beside - 1)),
            read.addr.eq(after),
            read.en.eq(~primed | (self.i_advance & turns)),
        ]
        m.d.sync += primed.eq(1)
        with m.If(self.i_advance):
            m.d.sync += place.eq(Mux(turns, 0, place + 1))
        with m.If(read.en):
            m.d.sync += after.eq(Mux(after == self.words - 1, 0, after + 1))
        return read.data

    def _memory(self) -> Memory:
        width = len(self.o_data)
        contents = [
            sum(row << at * width for at, row in enumerate(self._table[first:][: self.beside]))
            for first in range(0, len(self._table), self.beside)
        ]
        return Memory(
            shape=self.beside * width, depth=self.words, init=contents, attrs=STYLES["block"]
        )


def _chosen(rows: Sequence[Value], place: Value) -> Value:
    """Row number ``place``, as a tree that halves the rows with each bit."""
    for bit in place:
        pairs = zip(rows[::2], rows[1::2], strict=False)
        rows = [Mux(bit, b, a) for a, b in pairs] + list(rows[len(rows) & ~1 :])
    return rows[0]
