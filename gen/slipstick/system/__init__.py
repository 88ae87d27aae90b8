"""The system core of a build: the stream core on a bus."""

from slipstick.system.describe import system_parameters
from slipstick.system.write import TOP, system_verilog

__all__ = ["TOP", "system_parameters", "system_verilog"]
