"""As much of a Zynq-7000 as the bare-metal program touches, around Unicorn's processor."""

import struct
from dataclasses import dataclass

import unicorn
from unicorn import arm_const as arm

DDR, DDR_BYTES = 0x0010_0000, 0x0200_0000
CORE, CORE_BYTES = 0x43C0_0000, 0x1_0000
PRIVATE, PRIVATE_BYTES = 0xF8F0_0000, 0x3000
UART = 0xE000_1000
SLICE = 500
FABRIC = 61
MAILBOX = DDR + 0x100


@dataclass(frozen=True)
class Section:
    name: str
    address: int
    size: int
    loaded: bool


class Elf:
    """A 32-bit little-endian program file."""

    def __init__(self, data):
        self._data = data
        assert data[:6] == b"\x7fELF\x01\x01"
        fields = struct.unpack_from("<HHIIIIIHHHHHH", data, 16)
        self.machine, self.entry = fields[1], fields[3]
        _, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = fields
        self._programs = [struct.unpack_from("<8I", data, phoff + n * phsize) for n in range(phnum)]
        self._headers = [struct.unpack_from("<10I", data, shoff + n * shsize) for n in range(shnum)]
        self._names = self._headers[names][4]

    def _text(self, at):
        return self._data[at : self._data.index(0, at)].decode()

    @property
    def sections(self):
        return {
            self._text(self._names + header[0]): Section(
                self._text(self._names + header[0]), header[3], header[5], header[1] != 8
            )
            for header in self._headers
            if header[2] & 2
        }

    @property
    def symbols(self):
        """Value and section number of each."""
        (table,) = [header for header in self._headers if header[1] == 2]
        strings = self._headers[table[6]][4]
        found = {}
        for at in range(table[4], table[4] + table[5], 16):
            name, value, _, _, _, section = struct.unpack_from("<IIIBBH", self._data, at)
            found[self._text(strings + name)] = (value, section)
        return found

    @property
    def segments(self):
        """Physical address and bytes of all that is loaded."""
        return [
            (program[3], self._data[program[1] : program[1] + program[4]])
            for program in self._programs
            if program[0] == 1
        ]


class Machine:
    """Runs a program to its end."""

    def __init__(self, elf, core):
        self.elf, self.core = elf, core
        self.printed = ""
        self.interrupts = 0
        self._ticks = 0
        self._enabled = {}
        self._l2 = 1
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_A9)
        self._uc = uc
        uc.mem_map(DDR, DDR_BYTES)
        uc.mmio_map(CORE, CORE_BYTES, self._read_core, None, self._write_core, None)
        uc.mmio_map(PRIVATE, PRIVATE_BYTES, self._read_private, None, self._write_private, None)
        uc.mmio_map(UART, 0x1000, lambda *_: 0, None, self._write_uart, None)
        for address, data in elf.segments:
            uc.mem_write(address, data)
        core.memory = self

    def read(self, address, size):
        return bytes(self._uc.mem_read(address, size))

    def write(self, address, data):
        self._uc.mem_write(address, bytes(data))

    @property
    def caches(self):
        """Whether the MMU and the data caches of level 1 and 2 are on."""
        control = self._uc.reg_read(arm.UC_ARM_REG_CP_REG, (15, 0, 0, 1, 0, 0, 0))
        return bool(control & 1), bool(control & 4), bool(self._l2 & 1)

    def mailbox(self):
        names = "status error causes frames source destination classes cycles_low cycles_high"
        words = struct.unpack("<9I", self.read(MAILBOX, 36))
        return dict(zip(names.split(), words, strict=True))

    def order(self, frames, source, destination, classes):
        self.write(MAILBOX + 12, struct.pack("<4I", frames, source, destination, classes))

    def run(self, slices=20_000):
        end, at = self.elf.symbols["end"][0], self.elf.entry
        for _ in range(slices):
            # An odd address means Thumb code, of which parts of GNU's library are.
            thumb = bool(self._uc.reg_read(arm.UC_ARM_REG_CPSR) & 0x20)
            self._uc.emu_start(at | thumb, end, count=SLICE)
            at = self._uc.reg_read(arm.UC_ARM_REG_PC)
            if at == end:
                return
            if self.core.interrupt and self._enabled.get(FABRIC) and not self._masked():
                at = self._interrupt(at)
        raise AssertionError(f"The program has not ended; it is at {at:#x}")

    def _masked(self):
        return bool(self._uc.reg_read(arm.UC_ARM_REG_CPSR) & 0x80)

    def _interrupt(self, at):
        """What the processor does with an IRQ: the next instruction is the vector's."""
        self.interrupts += 1
        uc, state = self._uc, self._uc.reg_read(arm.UC_ARM_REG_CPSR)
        uc.reg_write(arm.UC_ARM_REG_CPSR, (state & ~0x3F) | 0x92)
        uc.reg_write(arm.UC_ARM_REG_SPSR, state)
        uc.reg_write(arm.UC_ARM_REG_LR, at + 4)
        return self.elf.entry + 0x18

    def _read_core(self, uc, offset, size, user):
        assert size == 4
        return self.core.read32(offset)

    def _write_core(self, uc, offset, size, value, user):
        assert size == 4
        self.core.write32(offset, value)

    def _read_private(self, uc, offset, size, user):
        if offset == 0x200:
            self._ticks += 3330
            self.core.tick()
            return self._ticks & 0xFFFF_FFFF
        if offset == 0x204:
            return self._ticks >> 32
        if offset == 0x10C:
            return FABRIC if self._enabled.get(FABRIC) and self.core.interrupt else 1023
        if offset == 0x2100:
            return self._l2
        return 0

    def _write_private(self, uc, offset, size, value, user):
        if offset in (0x1104, 0x1184):
            for bit in range(32):
                if value >> bit & 1:
                    self._enabled[32 + bit] = offset == 0x1104
        if offset == 0x2100:
            self._l2 = value

    def _write_uart(self, uc, offset, size, value, user):
        assert offset == 0x30
        self.printed += chr(value)
