"""Writes the Verilog of a system core."""

from pathlib import Path

from slipstick.build_folder import Manifest
from slipstick.emit import to_rtlil, to_verilog
from slipstick.errors import SlipstickError
from slipstick.registers import register_map
from slipstick.rtl_templates.system.system_core import SystemCore
from slipstick.synth.gate import count_multipliers
from slipstick.system.describe import system_parameters

TOP = "slipstick_system"
"""The module; those inside it begin with its name."""


def system_verilog(
    manifest: Manifest, folder: Path, *, separate_clocks: bool = False
) -> list[Path]:
    """Writes the modules of the system core into ``folder``, a file each.

    They make an instance of ``manifest.top``, whose Verilog is that of the build folder.

    Raises `SlipstickError` if the network's name is one of ours.
    """
    if manifest.top.startswith(TOP):
        raise SlipstickError(
            f"Network '{manifest.top}'",
            f"has a name that begins like the modules around it ({TOP})",
            "compile it with another --name",
        )
    parameters = system_parameters(manifest, separate_clocks)
    core = SystemCore(parameters, register_map(parameters.stages))
    text, _ = to_rtlil(core, TOP)
    found = count_multipliers(text)
    if found:
        raise RuntimeError(f"A multiplication-free design must have no {found}")
    return to_verilog(text, folder)
