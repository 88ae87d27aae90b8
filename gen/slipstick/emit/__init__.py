"""From the circuit to files: Verilog, one module a file."""

from slipstick.emit.verilog import require_ports, to_rtlil, to_verilog

__all__ = ["require_ports", "to_rtlil", "to_verilog"]
