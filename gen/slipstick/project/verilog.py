"""The Verilog of a project: the stream core, and what it is put into."""

import shutil
from pathlib import Path

from slipstick.build_folder import Manifest
from slipstick.emit import to_rtlil, to_verilog
from slipstick.errors import SlipstickError
from slipstick.rtl_templates.system.ip_wrappers import AxisIp, SystemIp
from slipstick.rtl_templates.system.zynq_top import ZynqTop
from slipstick.system import system_verilog

REGISTER_BASE = 0x43C0_0000
"""Where the processor finds the registers: Vivado's habit, and the firmware's default."""

Sources = dict[str, tuple[str, ...]]
"""Files by what they are for, named from the project's folder."""


def write_verilog(
    build: Path, manifest: Manifest, project: Path, separate_clocks: bool, led: bool
) -> Sources:
    """Writes folder ``rtl`` of ``project`` for the build in ``build``.

    Raises `SlipstickError` if the build has no Verilog, or modules named as ours.
    """
    rtl = project / "rtl"
    rtl.mkdir()
    core = _copy(build / "rtl", rtl, manifest)
    tops = {
        "zynq_top": ZynqTop(REGISTER_BASE, separate_clocks, led),
        "slipstick_ip": SystemIp(separate_clocks),
        "slipstick_axis": AxisIp(
            manifest.top, manifest.input.payload_width, manifest.output.payload_width
        ),
    }
    around = to_verilog("".join(to_rtlil(top, name)[0] for name, top in tops.items()), rtl)
    written = {
        "system": system_verilog(manifest, rtl, separate_clocks=separate_clocks),
        "zynq": [path for path in around if path.stem.startswith("zynq_top")],
        "ip": [path for path in around if path.stem == "slipstick_ip"],
        "axis": [path for path in around if path.stem == "slipstick_axis"],
    }
    ours = {path for paths in written.values() for path in paths}
    clash = sorted(path.stem for path in ours.intersection(core))
    if clash:
        raise SlipstickError(
            f"Network '{manifest.top}'",
            f"has a module named as one around it ({clash[0]})",
            "compile it with another --name",
        )
    return {
        use: tuple(path.relative_to(project).as_posix() for path in sorted(paths))
        for use, paths in {"core": core, **written}.items()
    }


def _copy(source: Path, target: Path, manifest: Manifest) -> list[Path]:
    files = sorted(source.glob("*.v"))
    if (source / f"{manifest.top}.v") not in files:
        raise SlipstickError(
            f"File '{source / manifest.top}.v'", "is missing", "compile the model again"
        )
    return [Path(shutil.copy(path, target)) for path in files]
