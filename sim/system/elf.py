"""As much of a 32-bit little-endian ELF program as a loader needs."""

import struct
from dataclasses import dataclass
from functools import cached_property

MAGIC = b"\x7fELF\x01\x01"
LOADED, SYMBOLS = 1, 2
"""Types of a segment and of a section."""


@dataclass(frozen=True)
class Elf:
    """A program file's content. Source: the System V ABI's ELF chapter."""

    data: bytes

    def __post_init__(self) -> None:
        if not self.data.startswith(MAGIC):
            raise ValueError("Program must be a 32-bit little-endian ELF file")

    @property
    def entry(self) -> int:
        """Address of the first instruction."""
        return self._header[3]

    @property
    def segments(self) -> list[tuple[int, bytes]]:
        """Address and bytes of everything that is loaded."""
        _, _, _, _, start, _, _, _, size, count, *_ = self._header
        records = [struct.unpack_from("<8I", self.data, start + n * size) for n in range(count)]
        return [
            (address, self.data[offset : offset + length])
            for kind, offset, _, address, length, *_ in records
            if kind == LOADED
        ]

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Address of every symbol."""
        sections = self._sections
        table = next(section for section in sections if section[1] == SYMBOLS)
        names = sections[table[6]][4]
        found = {}
        for offset in range(table[4], table[4] + table[5], struct.calcsize("<IIIBBH")):
            name, value, *_ = struct.unpack_from("<IIIBBH", self.data, offset)
            end = self.data.index(0, names + name)
            found[self.data[names + name : end].decode()] = value
        return found

    @property
    def _header(self) -> tuple[int, ...]:
        return struct.unpack_from("<HHIIIIIHHHHHH", self.data, 16)

    @property
    def _sections(self) -> list[tuple[int, ...]]:
        _, _, _, _, _, start, *_, size, count, _ = self._header
        return [struct.unpack_from("<10I", self.data, start + n * size) for n in range(count)]
