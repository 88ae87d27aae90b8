"""The pointer line buffer with a place of its own for every channel: moves are addresses."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.moved_walk import NOWHERE, MovedWalk
from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.row_ring import RowRing, Way, ram_style

Place = tuple[int, int]


class MovedReader(RowRing):
    """Replays a stream of pixels with each channel read at its own row and column.

    A spatial shift, an address shift, a rotation or a slice of channels costs addresses: each
    lane has the memory of the stored lane it reads, and its address is the pointer and a
    distance from a small table. Lanes of one distance share memory and address. Data meet no
    logic but the mask of what lies outside the image.

    Parameters
    ----------
    walk : the order of reading, and the moves.
    lanes, width : stored channels of a word, and bits of a channel.

    Members and latency: those of `RowRing`; ``o_words`` is one word of the moved lanes.
    """

    def __init__(self, walk: MovedWalk, lanes: int, width: int) -> None:
        self._moved, self._width = walk, width
        if max(walk.moves.banks) >= lanes:
            raise ValueError(f"Moves must read lanes below {lanes}, not {max(walk.moves.banks)}")
        super().__init__(walk, lanes * width, len(walk.moves.banks) * width)

    def gather(self, frame: np.ndarray) -> np.ndarray:
        fill = np.zeros((1, frame.shape[1]), frame.dtype)
        # Index -1, outside the image, picks the row that is appended.
        padded = np.concatenate([frame, fill])
        return padded[self._moved.reads, np.maximum(self._moved.moves.banks, 0)]

    def _read(self, m: Module, counters: dict[str, Signal], pointer: Signal) -> None:
        masks = self._masks(m, counters)
        columns = [tuple(column) for column in self._moved.offsets.T.tolist()]
        groups: dict[tuple[int, ...], list[int]] = {}
        for lane, bank in enumerate(self._moved.moves.banks):
            if bank != NOWHERE:
                groups.setdefault(columns[lane], []).append(lane)
        write = self._write_address(m)
        for number, (column, lanes) in enumerate(groups.items()):
            way = self._way(m, counters, column, f"distance_{number}")
            address = self._address(m, pointer, way, f"address_{number}")
            self._memory(m, write, address, lanes, masks, f"rows_{number}")

    def _way(self, m: Module, counters: dict[str, Signal], column: Sequence[int], name: str) -> Way:
        """From the pointer to what the lanes of ``column`` read, a cycle after the step's start."""
        if len(set(column)) == 1:
            return self._constant_way(column[0])
        forward, wrapped = way = self._way_signals(name)
        # Two tables: an adder behind one would take more than the second.
        for register, less in ((forward, 0), (wrapped, self._moved.depth)):
            if register is not None:
                bits = len(register)
                table = [(place - less) % (1 << bits) for place in column]
                found = self._by_word(m, counters, table, bits, f"{name}_less_{less}")
                m.d.sync += register.eq(found)
        return way

    def _memory(
        self,
        m: Module,
        write_address: Signal,
        address: Signal,
        lanes: Sequence[int],
        masks: Sequence[Value],
        name: str,
    ) -> None:
        """The stored lanes that ``lanes`` read, and their way to `o_words`."""
        banks = sorted({self._moved.moves.banks[lane] for lane in lanes})
        bits, depth = len(banks) * self._width, self._moved.depth
        m.submodules[name] = memory = Memory(
            shape=bits, depth=depth, init=[], attrs={"ram_style": ram_style(bits, depth)}
        )
        write, read = memory.write_port(), memory.read_port(domain="sync")
        m.d.comb += [
            write.addr.eq(write_address),
            write.data.eq(Cat(self.i.payload.word_select(b, self._width) for b in banks)),
            write.en.eq(self.i.valid & self.i.ready),
            read.addr.eq(address),
            read.en.eq(1),
        ]
        for lane in lanes:
            place = banks.index(self._moved.moves.banks[lane]) * self._width
            # Without a reset, this and what follows become a shift register, which is slow.
            masked = bool(self._moved.masked_lanes[lane])
            value = Signal(self._width, name=f"lane_{lane}", reset_less=masked)
            m.d.sync += value.eq(Mux(masks[lane], read.data[place : place + self._width], 0))
            m.d.comb += self.o_words.word_select(lane, self._width).eq(value)

    def _masks(self, m: Module, counters: dict[str, Signal]) -> list[Value]:
        """Whether each lane reads a pixel of the image, aligned with the memory's output."""
        moves = self._moved.moves
        places: list[Place] = sorted({*zip(moves.dy.flat, moves.dx.flat, strict=True)})
        inside = [self._inside(m, counters, place) for place in places]
        # Behind the places stands a 0, for lanes that carry nothing in some word.
        choices = Signal(len(places) + 1, name="inside")
        m.d.comb += choices.eq(Cat(*inside, Const(0, 1)))
        masks: dict[tuple[int, ...], Value] = {}
        result = []
        for lane in range(len(moves.banks)):
            column = tuple(
                places.index((dy, dx)) if real else len(places)
                for dy, dx, real in zip(
                    moves.dy[:, lane], moves.dx[:, lane], moves.real[:, lane], strict=True
                )
            )
            if column not in masks:
                masks[column] = self._mask(m, counters, column, choices, f"mask_{lane}")
            result.append(masks[column])
        return result

    def _mask(
        self,
        m: Module,
        counters: dict[str, Signal],
        column: tuple[int, ...],
        choices: Signal,
        name: str,
    ) -> Value:
        chosen = Signal(name=name)
        used = sorted(set(column))
        places = [used.index(place) for place in column]
        index = self._by_word(m, counters, places, len(used).bit_length(), f"{name}_place")
        m.d.comb += chosen.eq(Cat(choices[place] for place in used).bit_select(index, 1))
        return delayed(m, chosen, 3, name)

    def _inside(self, m: Module, counters: dict[str, Signal], place: Place) -> Value:
        """Whether the pixel ``place`` away from the output's lies in the image."""
        walk = self._moved
        (dy, dx), (rows, columns) = place, walk.output_size
        x = np.arange(columns) * walk.stride[1] + dx
        here = self._row_inside(m, counters, rows, dy)
        if walk.boundary == "zero":
            table = ((x >= 0) & (x < walk.width)).astype(int).tolist()
            return here & rom_lookup(m, counters.get("ox", Const(0)), table, 1, "column_inside")
        crosses = (x >= walk.width).astype(int).tolist()
        beyond = rom_lookup(m, counters.get("ox", Const(0)), crosses, 1, "column_beyond")
        return Mux(beyond, self._row_inside(m, counters, rows, dy + 1), here)

    def _row_inside(self, m: Module, counters: dict[str, Signal], rows: int, dy: int) -> Value:
        y = np.arange(rows) * self._moved.stride[0] + dy
        table = ((y >= 0) & (y < self._moved.height)).astype(int).tolist()
        return rom_lookup(m, counters.get("oy", Const(0)), table, 1, "row_inside")

    def _by_word(
        self,
        m: Module,
        counters: dict[str, Signal],
        column: Sequence[int],
        bits: int,
        name: str,
    ) -> Value:
        """The entry of ``column`` for the word that the step at the head reads."""
        per_beat = self._moved.words_per_beat
        parts = [counters[loop] for loop in ("word", "block") if loop in counters]
        low = len(counters["word"]) if "word" in counters else 0
        table = [int(column[0])] * ((len(column) // per_beat) << low)
        for word, value in enumerate(column):
            block, within = divmod(word, per_beat)
            table[(block << low) | within] = int(value)
        return rom_lookup(m, Cat(parts) if parts else Const(0), table, bits, name)
