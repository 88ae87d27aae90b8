"""The registers of the system core, read from their SystemRDL description."""

from slipstick.registers.map import (
    FieldKind,
    Register,
    RegisterField,
    RegisterMap,
    description,
    register_map,
)

__all__ = [
    "FieldKind",
    "Register",
    "RegisterField",
    "RegisterMap",
    "description",
    "register_map",
]
