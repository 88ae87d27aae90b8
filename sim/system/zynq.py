"""A Zynq-7000 around the simulated system: Unicorn's Cortex-A9 and what the program touches.

The processor's memory and the accelerator's are the same bytes. Caches, pipelines and their time
are not modelled: the bus clock runs a fixed number of cycles for so many instructions.
"""

import unicorn
from unicorn import arm_const

from slipstick.sim.system.device import OKAY, SimulatedSystem
from slipstick.sim.system.elf import Elf

CORE, CORE_BYTES = 0x43C0_0000, 0x1_0000
"""The accelerator's registers."""
UART, UART_BYTES, UART_FIFO = 0xE000_1000, 0x1000, 0x30
PRIVATE, PRIVATE_BYTES = 0xF8F0_0000, 0x3000
"""The processor's own: interrupt controller, global timer, control of the level 2 cache."""
TIMER_LOW, TIMER_HIGH, TIMER_MHZ = 0x200, 0x204, 333
ACKNOWLEDGE, SET_ENABLE, CLEAR_ENABLE = 0x10C, 0x1100, 0x1180
FABRIC, NOTHING = 61, 1023
"""Interrupt IDs: the first line from the fabric, and none."""
INSTRUCTIONS, CYCLES = 300, 100
"""That are run in turn: a processor of 600 MHz beside a bus of 200 MHz."""
POLL_CYCLES = 16
"""Of a look at the timer: programs that wait for the time must see it pass."""
IRQ_MODE, IRQ_MASKED, MODE_BITS, IRQ_VECTOR = 0x92, 0x80, 0x3F, 0x18
THUMB = 0x20
"""The bit of the state register that says that Thumb code runs."""


class Zynq:
    """Runs one program.

    Parameters
    ----------
    system : whose memory begins where the program's does.
    clock_mhz : of the bus.

    Attributes
    ----------
    printed : on the UART.
    interrupts : taken by the processor.
    """

    def __init__(self, system: SimulatedSystem, program: Elf, clock_mhz: float) -> None:
        self._system, self._program = system, program
        self._ticks = TIMER_MHZ / clock_mhz
        self._enabled: set[int] = set()
        self._bus_error = ""
        self.printed = ""
        self.interrupts = 0
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_A9)
        self._map()
        for address, data in program.segments:
            start = address - system.base
            system.memory[start : start + len(data)] = memoryview(data)

    def _map(self) -> None:
        system, uc = self._system, self._uc
        uc.mem_map_ptr(system.base, system.size, unicorn.UC_PROT_ALL, system.memory.ctypes.data)
        uc.mmio_map(CORE, CORE_BYTES, self._read_core, None, self._write_core, None)
        uc.mmio_map(UART, UART_BYTES, lambda *_: 0, None, self._write_uart, None)
        uc.mmio_map(PRIVATE, PRIVATE_BYTES, self._read_private, None, self._write_private, None)

    def run(self, slices: int) -> bool:
        """Runs to the label ``end``, at most so many slices of time; whether it is reached.

        Raises `RuntimeError` where a register access is answered with an error.
        """
        end, at = self._program.symbols["end"], self._program.entry
        for _ in range(slices):
            # An odd address is how Unicorn is told that Thumb code stands there: parts of
            # compilers' own libraries are.
            thumb = bool(self._state() & THUMB)
            self._uc.emu_start(at | thumb, end, count=INSTRUCTIONS)
            if self._bus_error:
                raise RuntimeError(self._bus_error)
            at = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
            if at == end:
                return True
            self._system.run(CYCLES)
            if self._pending() and not self._state() & IRQ_MASKED:
                at = self._interrupt(at)
        return False

    def _state(self) -> int:
        state: int = self._uc.reg_read(arm_const.UC_ARM_REG_CPSR)
        return state

    def _pending(self) -> bool:
        return FABRIC in self._enabled and self._system.interrupt

    def _interrupt(self, at: int) -> int:
        """What the processor does with an interrupt; the address at which it goes on."""
        self.interrupts += 1
        state = self._state()
        self._uc.reg_write(arm_const.UC_ARM_REG_CPSR, (state & ~MODE_BITS) | IRQ_MODE)
        self._uc.reg_write(arm_const.UC_ARM_REG_SPSR, state)
        self._uc.reg_write(arm_const.UC_ARM_REG_LR, at + 4)
        return self._program.entry + IRQ_VECTOR

    def _read_core(self, uc: unicorn.Uc, offset: int, size: int, _: object) -> int:
        response, value = self._system.response_of_read(offset)
        self._check(uc, "reading", offset, size, response)
        return value

    def _write_core(self, uc: unicorn.Uc, offset: int, size: int, value: int, _: object) -> None:
        self._check(uc, "writing", offset, size, self._system.response_of_write(offset, value))

    def _check(self, uc: unicorn.Uc, what: str, offset: int, size: int, response: int) -> None:
        if response != OKAY or size != 4:
            self._bus_error = f"{size} bytes, {what} register {offset:#x}: answered {response}"
            uc.emu_stop()

    def _read_private(self, uc: unicorn.Uc, offset: int, size: int, _: object) -> int:
        if offset == ACKNOWLEDGE:
            return FABRIC if self._pending() else NOTHING
        if offset == TIMER_LOW:
            self._system.run(POLL_CYCLES)
        time = int(self._system.cycles * self._ticks)
        return {TIMER_LOW: time & 0xFFFF_FFFF, TIMER_HIGH: time >> 32}.get(offset, 0)

    def _write_private(self, uc: unicorn.Uc, offset: int, size: int, value: int, _: object) -> None:
        for first, change in ((SET_ENABLE, set.update), (CLEAR_ENABLE, set.difference_update)):
            if first <= offset < first + 0x80:
                word = 8 * (offset - first)
                change(self._enabled, {word + bit for bit in range(32) if value >> bit & 1})

    def _write_uart(self, uc: unicorn.Uc, offset: int, size: int, value: int, _: object) -> None:
        if offset == UART_FIFO:
            self.printed += chr(value & 0xFF)
