"""Amaranth to Verilog: one file a module, names that follow the layers."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from slipstick.fold import NameTable

_MODULE = re.compile(r"^module \\(\S+)$", re.MULTILINE)
_KEPT_ATTRIBUTE = re.compile(
    r"^ *\(\* (?!ram_style|rom_style|keep|full_case).*\*\)\n", re.MULTILINE
)
# A table in logic is mapped by itself: see `slipstick.rtl_templates.rom`.
_KEPT_BORDER = '(* keep_hierarchy = "yes" *)\n'
_LOGIC_TABLE = '(* ram_style = "logic" *)'
# In a concatenation, the same name or bit of one several times in a row.
_REPEATED = re.compile(r"(?<=\{ |, )((?:\\\S+ |[A-Za-z_]\w*)(?:\[\d+\])?)((?:, \1)+)(?=, | \})")
_YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""


def to_rtlil(component: wiring.Component, name: str) -> tuple[str, dict[str, str]]:
    """RTLIL of ``component``, and the module of each instance by its dotted path.

    Module names are legal everywhere: ``top``, ``top_conv1``, ``top_conv1_reader``, ...
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    table = NameTable(longest=200)
    # Shallow modules first, so that a stage gets the plain name of its layer.
    modules = sorted(_MODULE.findall(text), key=lambda module: (module.count("."), module))
    legal = {module: table.legal(module) for module in modules}
    pattern = re.compile(r"^(module|\s*cell) \\(\S+)", re.MULTILINE)

    def rename(match: re.Match[str]) -> str:
        return f"{match[1]} \\{legal.get(match[2], match[2])}"

    paths = {module.partition(".")[2]: legal[module] for module in modules}
    return pattern.sub(rename, text), paths


def to_verilog(rtlil_text: str, folder: Path) -> list[Path]:
    """Writes the modules of ``rtlil_text`` into ``folder``, a file each; same text, same bytes.

    Written as SystemVerilog's ``always_comb``, since Icarus does not evaluate ``always @*`` at
    time 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="slipstick-") as work:
        source, target = Path(work) / "design.il", Path(work) / "design.v"
        source.write_text(rtlil_text, encoding="utf-8")
        commands = [
            "read_rtlil design.il",
            "proc -nomux -norom",
            "memory_collect",
            "write_verilog -sv -norename design.v",
        ]
        # A process of its own: Yosys ends the interpreter it runs in when it meets an error.
        done = subprocess.run(
            [sys.executable, "-c", _YOSYS, *commands],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"Yosys could not write the design:\n{done.stdout[-2000:]}")
        text = target.read_text(encoding="utf-8")
    return [_write(folder, module) for module in _modules(text)]


def _modules(text: str) -> list[str]:
    plain = _REPEATED.sub(_replicated, _KEPT_ATTRIBUTE.sub("", text))
    modules = re.findall(r"^module .*?^endmodule\n", plain, re.MULTILINE | re.DOTALL)
    return [_KEPT_BORDER + text if _LOGIC_TABLE in text else text for text in modules]


def _replicated(match: re.Match[str]) -> str:
    """Sign extension as simulators like it: Verilator makes many operations of the long form."""
    element, more = match.groups()
    return f"{{{1 + len(more) // (len(element) + 2)}{{{element}}}}}"


def _write(folder: Path, module: str) -> Path:
    name = re.search(r"^module (\w+)", module, re.MULTILINE)
    if name is None:
        raise RuntimeError(f"Module name must be a plain word: {module[:80]!r}")
    path = folder / f"{name[1]}.v"
    path.write_text(module, encoding="utf-8")
    return path


def require_ports(module: Path, ports: tuple[str, ...]) -> None:
    """Raises `RuntimeError` unless the Verilog in file ``module`` has ``ports`` by these names."""
    header = module.read_text(encoding="utf-8").partition(";")[0]
    missing = [port for port in ports if not re.search(rf"[(, ]{port}\s*[,)]", header)]
    if missing:
        raise RuntimeError(f"Module {module.stem} must have ports {missing}, has {header!r}")
