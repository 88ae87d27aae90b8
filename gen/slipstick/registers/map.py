"""The register map as plain data."""

import enum
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegfileNode, RegNode
from systemrdl.rdltypes.builtin_enums import AccessType, OnWriteType

__all__ = [
    "MAX_STAGES",
    "FieldKind",
    "Register",
    "RegisterField",
    "RegisterMap",
    "description",
    "register_map",
]

SOURCE = "slipstick.rdl"
MAX_STAGES = 4032
"""Stages whose counters end where the addresses do."""


class FieldKind(enum.Enum):
    """How a field behaves, seen from software and from the core."""

    CONSTANT = "constant"
    """Software reads its reset value."""
    STATUS = "status"
    """Software reads what the core shows."""
    SETTING = "setting"
    """Software reads and writes it, the core reads it."""
    COMMAND = "command"
    """Software writes a 1, the core sees it for one cycle; reads as 0."""
    FLAG = "flag"
    """The core sets it, software clears it by writing a 1."""


@dataclass(frozen=True)
class RegisterField:
    """Bits ``lsb`` to ``msb`` of a register."""

    name: str
    lsb: int
    msb: int
    kind: FieldKind
    reset: int
    text: str

    @property
    def width(self) -> int:
        """In bits."""
        return self.msb - self.lsb + 1

    @property
    def mask(self) -> int:
        """Its bits of the register, set."""
        return ((1 << self.width) - 1) << self.lsb


@dataclass(frozen=True)
class Register:
    """One 32-bit register.

    Attributes
    ----------
    name : ``FRAMES``, ``HASH[2]``, ``STAGE[7].STALLS``.
    offset : in bytes.
    external : it is kept outside of the register block.
    """

    name: str
    offset: int
    title: str
    text: str
    fields: tuple[RegisterField, ...]
    external: bool

    def __getitem__(self, name: str) -> RegisterField:
        return {field.name: field for field in self.fields}[name]

    def port(self, field: RegisterField) -> str:
        """Name of ``field`` in hardware: ``frames``, ``hash_2``, ``status_busy``."""
        register = self.name.lower().replace("[", "_").replace("]", "").replace(".", "_")
        return register if field.name == "value" else f"{register}_{field.name}"


@dataclass(frozen=True)
class RegisterMap:
    """All registers in the order of their offsets."""

    registers: tuple[Register, ...]

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Register]:
        return {register.name: register for register in self.registers}


def register_map(stages: int) -> RegisterMap:
    """The registers of a core whose network has ``stages`` stages, 1 to `MAX_STAGES`."""
    nodes = [n for n in description(stages).descendants(unroll=True) if isinstance(n, RegNode)]
    return RegisterMap(tuple(sorted(map(_register, nodes), key=lambda register: register.offset)))


def description(stages: int) -> AddrmapNode:
    """The same as SystemRDL's nodes, for generators of other languages."""
    if not isinstance(stages, int) or not 1 <= stages <= MAX_STAGES:
        raise ValueError(f"Stages must be an integer from 1 to {MAX_STAGES}, not {stages!r}")
    compiler = RDLCompiler()
    with resources.as_file(resources.files(__package__).joinpath(SOURCE)) as path:
        compiler.compile_file(str(path))
    return compiler.elaborate(parameters={"STAGES": stages}).top


def _register(node: RegNode) -> Register:
    return Register(
        name=node.get_path().partition(".")[2],
        offset=node.absolute_address,
        title=node.get_property("name"),
        text=node.get_property("desc") or "",
        fields=tuple(_field(field) for field in node.fields()),
        external=isinstance(node.parent, RegfileNode) and node.parent.external,
    )


def _field(node: FieldNode) -> RegisterField:
    return RegisterField(
        name=node.inst_name,
        lsb=node.lsb,
        msb=node.msb,
        kind=_kind(node),
        reset=_reset(node),
        text=node.get_property("desc") or "",
    )


def _reset(node: FieldNode) -> int:
    value = node.get_property("reset", default=0)
    if not isinstance(value, int | None):
        raise RuntimeError(f"Field {node.get_path()} must be reset to a number")
    return value or 0


def _kind(node: FieldNode) -> FieldKind:
    if node.get_property("singlepulse"):
        return FieldKind.COMMAND
    if node.get_property("hwset") and node.get_property("onwrite") is OnWriteType.woclr:
        return FieldKind.FLAG
    if node.get_property("sw") is AccessType.rw and node.get_property("hw") is AccessType.r:
        return FieldKind.SETTING
    if node.get_property("sw") is AccessType.r and node.get_property("hw") is AccessType.w:
        return FieldKind.STATUS
    if node.get_property("sw") is AccessType.r and node.get_property("hw") is AccessType.na:
        return FieldKind.CONSTANT
    raise RuntimeError(f"Field {node.get_path()} must be of a kind that the register block has")
