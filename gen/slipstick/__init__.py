"""Multiplication-free neural networks from PyTorch to bit-exact Verilog.

The names below are imported at their first use, so that ``import slipstick.errors`` and
``slipstick --help`` need not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipstick.boards import board, board_names
    from slipstick.build import Build, compile
    from slipstick.errors import SlipstickError

__version__ = "0.1.0"
__all__ = ["Build", "SlipstickError", "__version__", "board", "board_names", "compile"]

_HOMES = {
    "Build": "slipstick.build",
    "SlipstickError": "slipstick.errors",
    "board": "slipstick.boards",
    "board_names": "slipstick.boards",
    "compile": "slipstick.build",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'slipstick' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
