"""The pointer line buffer: keeps each pixel once and reads windows by address alone."""

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib.memory import Memory

from slipstick.rtl_templates.arithmetic import delayed
from slipstick.rtl_templates.rom import rom_lookup
from slipstick.rtl_templates.row_ring import RowRing, ram_style
from slipstick.rtl_templates.window_walk import WindowWalk


class WindowReader(RowRing):
    """Replays a stream of pixels as the windows of a `WindowWalk`.

    Parameters
    ----------
    walk : the order of reading.
    lanes, width : channels of a word, and bits of a channel.
    outside : what a channel reads outside the image.

    Members and latency: those of `RowRing`; ``o_words`` is ``parallel_taps`` words, tap 0 lowest.
    """

    def __init__(self, walk: WindowWalk, lanes: int, width: int, outside: int = 0) -> None:
        self.word_bits = lanes * width
        self._outside = outside
        bits = outside & ((1 << width) - 1)
        self._outside_word = sum(bits << lane * width for lane in range(lanes))
        super().__init__(walk, self.word_bits, self.word_bits * walk.parallel_taps)

    def gather(self, frame: np.ndarray) -> np.ndarray:
        fill = np.full((1, frame.shape[1]), self._outside)
        # Index -1, a tap outside the image, picks the row that was appended.
        return np.concatenate([frame, fill])[self.walk.reads]

    def _read(self, m: Module, counters: dict[str, Signal], pointer: Signal) -> None:
        addresses = [
            self._address(m, pointer, self._constant_way(offset), f"address_{tap}")
            for tap, offset in enumerate(self.walk.tap_offsets())
        ]
        self._memory(m, addresses, self._masks(m, counters))

    def _masks(self, m: Module, counters: dict[str, Signal]) -> list[Signal | None]:
        """Per parallel tap: whether it lies in the image, aligned with the memory's output.

        None for those that always do.
        """
        masked = iter(self.walk.masked_taps)
        rows = self._axis_masks(m, 0, counters.get("oy", Const(0)), counters.get("ky"))
        columns = self._axis_masks(m, 1, counters.get("ox", Const(0)), counters.get("kx"))
        masks: list[Signal | None] = []
        for tap_y, row in enumerate(rows):
            for tap_x, column in enumerate(columns):
                if not next(masked):
                    masks.append(None)
                    continue
                inside = Signal(name=f"inside_{tap_y}_{tap_x}")
                m.d.comb += inside.eq(row & column)
                masks.append(delayed(m, inside, 3, f"inside_{tap_y}_{tap_x}"))
        return masks

    def _axis_masks(
        self, m: Module, axis: int, position: Signal | Const, tap: Signal | None
    ) -> list[Signal]:
        """One mask for each tap read in parallel along ``axis``."""
        inside = self.walk.in_image(axis)
        taps = inside.shape[1]
        table = [sum(int(bit) << k for k, bit in enumerate(line)) for line in inside]
        name = f"inside_{'yx'[axis]}"
        bits = rom_lookup(m, position, table, taps, name)
        if tap is None:
            return [bits[k] for k in range(self.walk.parallel_kernel[axis])]
        chosen = Signal(name=f"{name}_tap")
        m.d.comb += chosen.eq(bits.bit_select(tap, 1))
        return [chosen]

    def _memory(self, m: Module, addresses: list[Signal], masks: list[Signal | None]) -> None:
        depth = self.walk.depth
        style = ram_style(self.word_bits, depth)
        m.submodules.rows = memory = Memory(
            shape=self.word_bits, depth=depth, init=[], attrs={"ram_style": style}
        )
        write = memory.write_port()
        m.d.comb += [
            write.addr.eq(self._write_address(m)),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
        ]
        for tap, (address, inside) in enumerate(zip(addresses, masks, strict=True)):
            read = memory.read_port(domain="sync")
            # Without a reset, this and what follows become a shift register, which is slow.
            word = Signal(self.word_bits, name=f"word_{tap}", reset_less=inside is not None)
            m.d.comb += [
                read.addr.eq(address),
                read.en.eq(1),
                self.o_words.word_select(tap, self.word_bits).eq(word),
            ]
            value = read.data if inside is None else Mux(inside, read.data, self._outside_word)
            m.d.sync += word.eq(value)
