"""The system core's registers as software: for drivers that have no core yet."""

from slipstick.driver import BusError
from slipstick.registers import register_map

NEVER = 1 << 62


class Core:
    """Registers, and what they start. A batch takes a few looks at the registers or at the time.

    Parameters
    ----------
    model : of the network.
    compute : bytes of a frame to bytes of a result.

    Attributes
    ----------
    memory : with ``read(address, size)`` and ``write(address, data)``.
    duration : of a batch, in looks.
    errors : bits of ``ERRORS`` with which a batch ends, without results.
    hung : memory does not answer until it is abandoned.
    broken : name of a register that answers with an error.
    interrupts : whether the line can rise.
    wrong : whether results have a bit too many.
    """

    def __init__(self, model, compute):
        self.map = register_map(len(model.stages))
        self.model, self.compute = model, compute
        self.memory = None
        self.duration, self.errors = 10, 0
        self.hung, self.wrong, self.interrupts = False, False, True
        self.broken = None
        self.left = 0
        self.starts = 0
        self.values = {
            register.offset: sum(field.reset << field.lsb for field in register.fields)
            for register in self.map.registers
        }
        self._names = {register.offset: register.name for register in self.map.registers}
        geometry = len(model.stages) | model.frame.element << 16 | model.result.element << 20
        self["GEOMETRY"] = geometry
        self["FRAME_BYTES"], self["RESULT_BYTES"] = model.frame.bytes, model.result.bytes
        for n, word in enumerate(model.hash_words):
            self[f"HASH[{n}]"] = word

    def __getitem__(self, name):
        return self.values[self.map[name].offset]

    def __setitem__(self, name, value):
        self.values[self.map[name].offset] = value

    @property
    def interrupt(self):
        return self.interrupts and bool(self["IRQ_STATUS"] & self["IRQ_ENABLE"])

    def read32(self, offset):
        self._access(offset)
        value = self.values[offset]
        if self._names[offset] == "CYCLES_HIGH":
            # It goes on between the accesses, far enough to carry in every second one.
            self["CYCLES_HIGH"] += self["CYCLES_LOW"] >> 31
            self["CYCLES_LOW"] = (self["CYCLES_LOW"] + (1 << 31)) % (1 << 32)
        return value

    def write32(self, offset, value):
        self._access(offset)
        name = self._names[offset]
        if name == "CONTROL":
            self._command(value)
        elif name in ("ERRORS", "IRQ_STATUS"):
            self[name] &= ~value
        else:
            self[name] = value

    def tick(self):
        if self.left and not self.hung:
            self.left -= 1
            if not self.left:
                self._end()

    def _access(self, offset):
        self.tick()
        if self._names[offset] == self.broken:
            raise BusError(self.broken)

    def _command(self, value):
        if value & 1:
            self.starts += 1
            self._start()
        if value & 2:
            self.left = self["ERRORS"] = self["IRQ_STATUS"] = 0
            self["STATUS"] = 0x18 if self.hung else 0
        if value & 4 and self.hung:
            self.hung, self["STATUS"] = False, 0

    def _start(self):
        if self["LENGTH"] != self.model.frame.bytes:
            self["ERRORS"] |= 16
            return
        self.left, self["STATUS"] = self.duration, 0x11 if self.hung else 1
        if self.hung:
            self["ERRORS"] |= 128

    def _end(self):
        self["STATUS"] = 6 if self.errors else 2
        self["ERRORS"] |= self.errors
        self["IRQ_STATUS"] = 2 if self.errors else 1
        self["CYCLES_LOW"], self["CYCLES_HIGH"] = 1234, 5
        for n in range(0 if self.errors else self["FRAMES"]):
            source = self["SOURCE"] + n * self["SOURCE_STRIDE"]
            target = self["DESTINATION"] + n * self["DESTINATION_STRIDE"]
            result = bytearray(self.compute(self.memory.read(source, self.model.frame.bytes)))
            result[0] ^= self.wrong
            self.memory.write(target, result)
