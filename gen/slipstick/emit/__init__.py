"""From the circuit to files: Verilog, one module a file."""

from slipstick.emit.verilog import to_rtlil, to_verilog

__all__ = ["to_rtlil", "to_verilog"]
