"""The registers on an AXI4-Lite bus."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.registers import FieldKind, Register, RegisterField, RegisterMap
from slipstick.rtl_templates.system import axi

WORD = 4
"""Bytes of a register."""
WRITABLE = frozenset({FieldKind.SETTING, FieldKind.COMMAND, FieldKind.FLAG})
STAGE_WORDS = 4
"""Words of a stage's external registers; the last of them is no register."""

PATIENCE, PATIENCE_PER_WORD = 1024, 16
"""Cycles that a stage's word may take: a round of its counters by a much slower clock."""


class RegisterBlock(wiring.Component):
    """Keeps the registers of a map, or shows in them what the core says.

    A transaction whose address has no register or is no multiple of 4 is answered SLVERR, as is
    a write to a register without a writable field; it changes nothing, and a read gives 0.

    Parameters
    ----------
    registers : the map; its external registers are the first three words of every four.

    Members
    -------
    bus : AXI4-Lite; one read and one write are under way at a time.
    clear_flags : clears all flags; one that is set in the same cycle stays set.
    stage_index : the word of the external registers to read, counted from the first.
    stage_request : high until ``stage_acknowledge``, or for `patience` cycles; then the read is
        answered SLVERR. A processor must not hang because the stream core's clock stands still.
    stage_acknowledge, stage_data : the word, in one cycle.

    and for every field of every other register, named by `Register.port`,

    STATUS : input, what software reads.
    SETTING : output, what software has written.
    COMMAND : output, high for the cycle after the write.
    FLAG : output, its state; and an input ``..._set``, which wins over a clear.

    Latency: a read is answered 2 cycles after its address was taken, a write 2 cycles after
    the later of its address and data. Cost of 6 stages, with what never changes tied: 455 LUT,
    379 FF.
    """

    def __init__(self, registers: RegisterMap) -> None:
        self._own = [register for register in registers.registers if not register.external]
        external = [register.offset for register in registers.registers if register.external]
        self._first_word = _first_word(external)
        self._stage_words = len(external) // (STAGE_WORDS - 1) * STAGE_WORDS
        self.patience = PATIENCE + PATIENCE_PER_WORD * self._stage_words
        fields = [(r.port(field), field) for r in self._own for field in r.fields]
        super().__init__(
            {
                "bus": In(axi.LITE),
                "clear_flags": In(1),
                "stage_index": Out(range(self._stage_words)),
                "stage_request": Out(1),
                "stage_acknowledge": In(1),
                "stage_data": In(8 * WORD),
                **dict(member for port, field in fields for member in _members(port, field)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._reads(m)
        self._writes(m)
        return m

    def _reads(self, m: Module) -> None:
        bus = self.bus
        address = Signal(axi.LITE_ADDRESS_BITS, name="read_address", reset_less=True)
        left = Signal(range(self.patience), name="patience_left", reset_less=True)
        with m.FSM(name="read"):
            with m.State("address"):
                m.d.comb += bus.arready.eq(1)
                m.d.sync += [address.eq(bus.araddr), left.eq(self.patience - 1)]
                with m.If(bus.arvalid):
                    m.next = "look"
            with m.State("look"):
                m.next = "answer"
                self._look(m, address)
                with m.If(self._asks_stage(m, address)):
                    m.d.comb += self.stage_request.eq(1)
                    m.d.sync += left.eq(left - 1)
                    with m.If(self.stage_acknowledge):
                        m.d.sync += [bus.rdata.eq(self.stage_data), bus.rresp.eq(axi.OKAY)]
                    with m.Elif(left != 0):
                        m.next = "look"
            with m.State("answer"):
                m.d.comb += bus.rvalid.eq(1)
                with m.If(bus.rready):
                    m.next = "address"

    def _look(self, m: Module, address: Value) -> None:
        """The data and response of the registers that are kept here."""
        bus = self.bus
        m.d.sync += [bus.rdata.eq(0), bus.rresp.eq(axi.SLVERR)]
        with m.Switch(address):
            for register in self._own:
                with m.Case(register.offset):
                    m.d.sync += [bus.rdata.eq(self._word(register)), bus.rresp.eq(axi.OKAY)]

    def _word(self, register: Register) -> Value:
        """What software reads."""
        parts: list[Value] = []
        for field in sorted(register.fields, key=lambda field: field.lsb):
            parts += [Const(0, field.lsb - len(Cat(parts))), self._read(register, field)]
        return Cat(parts)

    def _read(self, register: Register, field: RegisterField) -> Value:
        if field.kind is FieldKind.CONSTANT:
            return Const(field.reset, field.width)
        if field.kind is FieldKind.COMMAND:
            return Const(0, field.width)
        return getattr(self, register.port(field))

    def _asks_stage(self, m: Module, address: Value) -> Value:
        """Whether an external register is at ``address``; `stage_index` if so."""
        word = Signal(axi.LITE_ADDRESS_BITS - 2, name="stage_word")
        m.d.comb += [word.eq(address[2:] - self._first_word), self.stage_index.eq(word)]
        return (word < self._stage_words) & (word[:2] != STAGE_WORDS - 1) & (address[:2] == 0)

    def _writes(self, m: Module) -> None:
        bus = self.bus
        address = Signal(axi.LITE_ADDRESS_BITS, name="write_address", reset_less=True)
        data = Signal(8 * WORD, name="write_data", reset_less=True)
        strobes = Signal(WORD, name="write_strobes", reset_less=True)
        has_address, has_data, writes = Signal(), Signal(), Signal()
        m.d.comb += [
            bus.awready.eq(~has_address),
            bus.wready.eq(~has_data),
            writes.eq(has_address & has_data & ~bus.bvalid),
        ]
        with m.If(bus.awready):
            m.d.sync += [address.eq(bus.awaddr), has_address.eq(bus.awvalid)]
        with m.If(bus.wready):
            m.d.sync += [data.eq(bus.wdata), strobes.eq(bus.wstrb), has_data.eq(bus.wvalid)]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(writes):
            m.d.sync += [
                has_address.eq(0),
                has_data.eq(0),
                bus.bvalid.eq(1),
                bus.bresp.eq(axi.SLVERR),
            ]
        for register in self._own:
            if any(field.kind in WRITABLE for field in register.fields):
                here = Signal(name=f"writes_{register.name.lower()}")
                m.d.comb += here.eq(writes & (address == register.offset))
                with m.If(here):
                    m.d.sync += bus.bresp.eq(axi.OKAY)
                self._write(m, register, Mux(here, strobes, 0), data)

    def _write(self, m: Module, register: Register, strobes: Value, data: Value) -> None:
        """What the bytes ``strobes`` of ``data`` do to ``register`` in a cycle."""
        strobed = data & Cat(strobe.replicate(8) for strobe in strobes)
        for field in register.fields:
            port, ones = register.port(field), strobed[field.lsb : field.msb + 1]
            match field.kind:
                case FieldKind.SETTING:
                    self._set(m, getattr(self, port), field.lsb, strobes, data)
                case FieldKind.COMMAND:
                    m.d.sync += getattr(self, port).eq(ones)
                case FieldKind.FLAG:
                    flag, sets = getattr(self, port), getattr(self, f"{port}_set")
                    cleared = ones | self.clear_flags.replicate(field.width)
                    m.d.sync += flag.eq(flag & ~cleared | sets)

    def _set(self, m: Module, setting: Value, lsb: int, strobes: Value, data: Value) -> None:
        """Writes the strobed bytes of ``setting``, whose bits begin at ``lsb`` of ``data``."""
        ends = [*range(lsb - lsb % 8 + 8, lsb + len(setting), 8), lsb + len(setting)]
        for low, high in pairwise([lsb, *ends]):
            with m.If(strobes[low // 8]):
                m.d.sync += setting[low - lsb : high - lsb].eq(data[low:high])


def _members(port: str, field: RegisterField) -> Iterator[tuple[str, wiring.Member]]:
    match field.kind:
        case FieldKind.STATUS:
            yield port, In(field.width)
        case FieldKind.SETTING | FieldKind.COMMAND:
            yield port, Out(field.width, init=field.reset)
        case FieldKind.FLAG:
            yield port, Out(field.width, init=field.reset)
            yield f"{port}_set", In(field.width)


def _first_word(external: Sequence[int]) -> int:
    """The word of the first of the external registers at byte addresses ``external``."""
    stages = range(len(external) // (STAGE_WORDS - 1))
    first = min(external, default=0)
    words = [STAGE_WORDS * stage + word for stage in stages for word in range(STAGE_WORDS - 1)]
    if not external or [first + WORD * word for word in words] != sorted(external):
        raise ValueError("External registers must be the first three words of every four")
    return first // WORD
