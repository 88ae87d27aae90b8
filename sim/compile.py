"""Turns the Verilog of a build folder into a program, and keeps it there for the next time.

Programs are kept as ``DIR/sim/KIND-KEY/``, where the key covers everything they are made from.
They are compiled in a temporary folder and renamed into place, so that an interrupted
compilation leaves nothing and two at once do not meet. It must be a temporary folder also
because make does not work where a path contains a space.
"""

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from slipstick.build_folder import Manifest
from slipstick.errors import SlipstickError
from slipstick.sim.runtime import keep_runtime, lend_runtime
from slipstick.sim.tools import compiler, require, verilator_binary, verilator_root
from slipstick.sim.wrapper import MODULE, bench_verilog, harness_source, probes_header

# Registers and memories without an initial value start at random ones:
# hardware promises no more. Warnings are about style in generated code; errors still stop.
VERILATOR = ["--cc", "--exe", "-O3", "--x-assign", "fast", "--x-initial", "unique", "-Wno-fatal"]
# Measured on a LeNet: -O1 compiles in 16 s instead of 24 s CPU and runs 20 % slower; -O3 and
# -march=native gain 3 %, and the latter would tie the build folder to this machine. What a
# multiplexer chooses next no processor guesses: that no branch is too dear to be replaced gains
# 9 %, and more where weights choose. Under cocotb Python takes most of the time anyway.
FAST_CODE = " ".join(
    [
        "-O2",
        "--param=max-rtl-if-conversion-unpredictable-cost=200",
        "--param=max-rtl-if-conversion-predictable-cost=200",
    ]
)
COCOTB_CODE = "-O1"

# Traps of the pip package: it was configured without a compiler, so its makefile does not know
# how precompiled headers are included, and it looks for its Python as `python`.
MAKE = ["CFG_CXXFLAGS_PCH_I=-include", "PYTHON3=../python", "VERILATOR_ROOT=../verilator"]


@dataclass(frozen=True)
class Recipe:
    """How one kind of program is made.

    Attributes
    ----------
    kind : of program; one of a kind is kept.
    program : its file name.
    files : what it is made from.
    make : makes it in a folder where all these files lie.
    """

    kind: str
    program: str
    files: Mapping[str, str]
    make: Callable[[Path], None]


@dataclass(frozen=True)
class Verilated:
    """What Verilator makes: the prefix of its files, from which module, into which program."""

    prefix: str
    top: str
    program: str


def fast_program(folder: Path, manifest: Manifest, waves: bool) -> Path:
    """The C++ harness around the Verilated network; compiled if it is not yet there."""
    require("g++", "make", "verilator")
    files = {name: harness_source(name) for name in ("main.cpp", "probe.h")}
    files["probes.h"] = probes_header(manifest)

    def make(work: Path) -> None:
        verilate(work, _bench(f"V{MODULE}"), _trace(waves), ["main.cpp"], FAST_CODE)

    return _kept(folder, manifest, Recipe(_kind("fast", waves), MODULE, files, make))


def cocotb_program(folder: Path, manifest: Manifest, waves: bool) -> Path:
    """The Verilated network as a program that cocotb's runner starts."""
    recipe = cocotb_recipe(_kind("cocotb", waves), _bench("Vtop"), {}, _trace(waves))
    return _kept(folder, manifest, recipe)


def cocotb_recipe(
    kind: str, made: Verilated, verilog: Mapping[str, str], trace: list[str]
) -> Recipe:
    """A Verilated module as a program that cocotb's runner starts."""
    require("g++", "make", "verilator", "libpython")
    import cocotb_tools.config

    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    files = {
        **verilog,
        "main.cpp": main.read_text(encoding="utf-8"),
        # Only the top's ports are looked at; cocotb's own way, all signals, is much slower.
        "visible.vlt": f'`verilator_config\npublic_flat_rw -module "{made.top}" -var "*"\n',
    }
    libraries = cocotb_tools.config.libs_dir

    def make(work: Path) -> None:
        (work / "libraries").symlink_to(libraries)
        link = ["-LDFLAGS", "-L../libraries -lcocotbvpi_verilator"]
        more = ["--vpi", "--timescale", "1ns/1ps", *link, "visible.vlt", "main.cpp"]
        verilate(work, made, trace, more, COCOTB_CODE)

    return Recipe(kind, made.program, files, make)


def icarus_program(folder: Path, manifest: Manifest, waves: bool) -> Path:
    """The network as a program of Icarus Verilog, named as cocotb's runner expects it."""
    require("icarus", "libpython")
    files = {"time.f": "+timescale+1ns/1ps\n"}
    if waves:
        files["waves.v"] = (
            "module slipstick_waves;\n  initial begin\n"
            f'    $dumpfile("waves.fst");\n    $dumpvars(0, {MODULE}.dut);\n'
            "  end\nendmodule\n"
        )

    def make(work: Path) -> None:
        extra = ["-s", "slipstick_waves", "waves.v"] if waves else []
        command = ["iverilog", "-g2012", "-f", "time.f", "-o", "sim.vvp", "-s", MODULE, *extra]
        _run([*command, *_verilog(work)], work)

    return _kept(folder, manifest, Recipe(_kind("icarus", waves), "sim.vvp", files, make))


def _kind(name: str, waves: bool) -> str:
    return f"{name}_waves" if waves else name


def _trace(waves: bool) -> list[str]:
    return ["--trace-vcd"] if waves else []


def _bench(prefix: str) -> Verilated:
    return Verilated(prefix, MODULE, MODULE)


def _kept(folder: Path, manifest: Manifest, recipe: Recipe) -> Path:
    """The program of ``recipe``, a bench around the network."""
    bench = {**read_rtl(folder, manifest), f"rtl/{MODULE}.sv": bench_verilog(manifest)}
    return kept(folder, replace(recipe, files={**recipe.files, **bench}))


def kept(folder: Path, recipe: Recipe) -> Path:
    """The program of ``recipe`` from the build folder, made if it is not there."""
    home = folder / "sim" / f"{recipe.kind}-{_key(recipe.files)}"
    if not (home / recipe.program).exists():
        with tempfile.TemporaryDirectory(prefix="slipstick-") as name:
            work = Path(name)
            (work / "rtl").mkdir()
            for path, text in recipe.files.items():
                (work / path).write_text(text, encoding="utf-8")
            recipe.make(work)
            _keep(work / recipe.program, home)
        _forget_others(home, recipe.kind)
    return home / recipe.program


def read_rtl(folder: Path, manifest: Manifest) -> dict[str, str]:
    """The network's Verilog, by its path in the build folder."""
    try:
        paths = sorted((folder / "rtl").glob("*.v"))
        rtl = {f"rtl/{path.name}": path.read_text(encoding="utf-8") for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(folder, f"cannot be read ({error})") from error
    if f"rtl/{manifest.top}.v" not in rtl:
        raise _damaged(folder, f"holds no {manifest.top}.v")
    return rtl


def _damaged(folder: Path, cause: str) -> SlipstickError:
    return SlipstickError(f"Folder '{folder / 'rtl'}'", cause, "compile the model again")


def _key(files: Mapping[str, str]) -> str:
    options = [
        version("verilator"),
        version("cocotb"),
        *VERILATOR,
        FAST_CODE,
        COCOTB_CODE,
        *MAKE,
        *compiler(),
    ]
    digest = hashlib.sha256("\0".join(options).encode())
    for path in sorted(files):
        digest.update(f"\0{path}\0{files[path]}".encode())
    return digest.hexdigest()[:16]


def _keep(program: Path, home: Path) -> None:
    # The temporary folder may be on another disk, and only on one disk is a renaming atomic.
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=home.parent) as name:
            shutil.copy2(program, Path(name) / program.name)
            os.replace(Path(name) / program.name, home / program.name)
    except OSError as error:
        raise SlipstickError(
            f"Folder '{home.parent}'",
            f"cannot be written ({error.strerror})",
            "change its permissions, or copy the build folder to where you may write",
        ) from error


def _forget_others(home: Path, kind: str) -> None:
    """Programs of this kind for older Verilog are of no use any more."""
    for other in home.parent.glob(f"{kind}-*"):
        if other != home:
            shutil.rmtree(other, ignore_errors=True)


def _verilog(work: Path) -> list[str]:
    return sorted(f"rtl/{path.name}" for path in (work / "rtl").iterdir())


def verilate(work: Path, made: Verilated, trace: list[str], more: list[str], code: str) -> None:
    """Turns the Verilog in ``work`` into a program there.

    Parameters
    ----------
    trace : arguments on which Verilator's own library depends.
    more : other arguments, and files.
    code : the compiler's level of optimisation.
    """
    (work / "verilator").symlink_to(verilator_root())
    (work / "python").symlink_to(sys.executable)
    environment = os.environ | {"VERILATOR_ROOT": str(verilator_root())}
    names = ["--prefix", made.prefix, "--top-module", made.top, "-Mdir", "objects"]
    names += ["-o", f"../{made.program}"]
    command = [str(verilator_binary()), *VERILATOR, *names, *trace, *more, *_verilog(work)]
    _run(command, work, environment)
    lend_runtime(work / "objects", trace)
    tools = [f"CXX={shlex.join(compiler())}", f"LINK={shlex.join(compiler())}"]
    jobs = ["-j", str(os.cpu_count() or 1)]
    make = ["make", "-s", *jobs, "-C", "objects", "-f", f"{made.prefix}.mk"]
    _run([*make, *MAKE, *tools, f"OPT_FAST={code}"], work)
    keep_runtime(work / "objects", trace)


def _run(command: list[str], work: Path, environment: Mapping[str, str] | None = None) -> None:
    with subprocess.Popen(
        command,
        cwd=work,
        # The compiler's own temporary files go where they are removed with the rest.
        env={**(environment or os.environ), "TMPDIR": str(work)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate()
        except BaseException:
            # make's compilers are children of the child: the whole session must end.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        lines = [line for line in (err + out).splitlines() if line.strip()]
        worst = next((line for line in lines if "rror" in line), (lines or ["no message"])[-1])
        raise SlipstickError(
            f"Program '{Path(command[0]).name}'",
            f"failed on the Verilog ({worst.strip()})",
            "run slipstick doctor; if it finds nothing wrong, this is a bug of ours",
        )
