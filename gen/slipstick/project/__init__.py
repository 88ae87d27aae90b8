"""From a build folder to a Vivado project for a Zynq board, and what Vivado makes of it."""

from slipstick.project.vivado import COMMAND, VivadoResult, find_vivado, run_vivado
from slipstick.project.write import write_project

__all__ = ["COMMAND", "VivadoResult", "find_vivado", "run_vivado", "write_project"]
