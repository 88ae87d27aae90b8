"""Splits memories with many read ports into copies with few.

Yosys's `memory_libmap` tries every assignment of read ports to RAM ports: each further port takes
four times the memory and time, and a 5x5 line buffer, which has 25, ends in the kernel's
out-of-memory killer. RAM primitives have one read port beside a write port (block RAM) or three
(distributed RAM), so that a mapping consists of copies anyway; making them first loses nothing.
"""

from pyosys import libyosys

MOST_READS = 4
"""Read ports that `memory_libmap` places in a moment."""

# A block RAM without a write port has two read ports, a RAM64M with one has three.
READS_OF_ROM_COPY = 4
READS_OF_RAM_COPY = 3


def split_memories(design: libyosys.Design) -> None:
    """Splits the memory cells of ``design``'s top, which are as `memory -nomap` leaves them."""
    module = design.top_module()
    for cell in list(module.cells_.values()):
        if str(cell.type) == "$mem_v2" and _is_splittable(cell):
            _split(module, cell)


def _is_splittable(cell: libyosys.Cell) -> bool:
    """Ports that Yosys joined into a wider one must stay together."""
    is_wide = not _parameter(cell, "RD_WIDE_CONTINUATION").is_fully_zero()
    return _number(cell, "RD_PORTS") > MOST_READS and not is_wide


def _split(module: libyosys.Module, cell: libyosys.Cell) -> None:
    ports = _number(cell, "RD_PORTS")
    step = READS_OF_RAM_COPY if _number(cell, "WR_PORTS") else READS_OF_ROM_COPY
    for first in range(0, ports, step):
        _copy(module, cell, first, min(step, ports - first))
    module.remove(cell)


def _copy(module: libyosys.Module, cell: libyosys.Cell, first: int, count: int) -> None:
    """Adds a copy of ``cell`` that has its read ports ``first`` to ``first + count - 1``.

    What belongs to read ports, parameters and connections alike, is a vector of equal fields.
    """
    ports = _number(cell, "RD_PORTS")
    copy = module.addCell(libyosys.IdString(f"{cell.name}$reads{first}"), cell)
    identity = f"{_parameter(cell, 'MEMID').decode_string()}$reads{first}"
    copy.setParam(_name("MEMID"), libyosys.Const(identity))
    for name, value in list(cell.parameters.items()):
        if _is_read(name) and str(name) != "\\RD_PORTS":
            field = value.size() // ports
            copy.setParam(name, value.extract(first * field, count * field))
    copy.setParam(_name("RD_PORTS"), libyosys.Const(count, 32))
    for name, signal in list(cell.connections_.items()):
        if _is_read(name):
            field = signal.size() // ports
            copy.setPort(name, signal.extract(first * field, count * field))


def _is_read(name: libyosys.IdString) -> bool:
    return str(name).startswith("\\RD_")


def _name(parameter: str) -> libyosys.IdString:
    return libyosys.IdString(f"\\{parameter}")


def _parameter(cell: libyosys.Cell, name: str) -> libyosys.Const:
    return cell.getParam(_name(name))


def _number(cell: libyosys.Cell, name: str) -> int:
    return int(_parameter(cell, name).as_int())
