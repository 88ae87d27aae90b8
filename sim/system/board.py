"""Runs of the bare-metal driver, the ARM program that a board would run."""

import importlib.util
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from slipstick.build_folder import Manifest
from slipstick.driver import RunCounters, frame_bytes, results, write_model
from slipstick.errors import SlipstickError
from slipstick.registers import register_map
from slipstick.sim.system.device import Profile, SimulatedSystem
from slipstick.sim.system.elf import Elf
from slipstick.sim.system.hosted import HostedRun

DDR, DDR_BYTES = 0x0010_0000, 0x0400_0000
BUFFERS = 0x0100_0000
"""Where frames begin; the program lies before."""
PAGE = 4096
STATUS, ORDER = 0x0010_0100, 0x0010_010C
"""In the mailbox, see ``firmware/ports/bare_metal/mailbox.h``."""
DONE = 2
SLICES = 4_000_000


def compile_program(folder: Path, work: Path) -> Elf:
    """The bare-metal program for the network of build ``folder``, built by its Makefile.

    Raises `SlipstickError` if what it takes is not installed.
    """
    for package in ("unicorn", "ziglang"):
        if importlib.util.find_spec(package) is None:
            raise SlipstickError(
                f"Package '{package}'", "is not installed", f"pip install {package}"
            )
    if shutil.which("make") is None:
        raise SlipstickError("Program 'make'", "'make' was not found", "apt-get install make")
    sources = work / "bare_metal"
    with resources.as_file(resources.files("slipstick.firmware")) as path:
        shutil.copytree(path, sources, ignore=shutil.ignore_patterns("__pycache__"))
    write_model(folder, sources)
    command = ["make", "-s", "-C", str(sources), "bare_metal", "MODEL=.", "OUT=."]
    command.append(f"PYTHON={sys.executable}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line]
        raise SlipstickError(
            "Program 'make'",
            f"failed on the driver ({(lines or ['no message'])[0].strip()})",
            "pip install --force-reinstall ziglang",
        )
    return Elf((sources / "slipstick.elf").read_bytes())


@dataclass(frozen=True)
class Board:
    """A program, and the simulated system that it is run with."""

    program: Elf
    library: Path
    manifest: Manifest

    def run(
        self,
        images: np.ndarray,
        batch: int,
        seed: int,
        profile: Profile,
        progress: Callable[[int], None] = lambda done: None,
    ) -> HostedRun:
        """Runs the self-test and then ``images``, integers ``(N, C, H, W)``, in one batch.

        Raises `SlipstickError` if they do not fit into memory.
        """
        # Imported here: everything but this works without Unicorn.
        from slipstick.sim.system.zynq import Zynq

        frames = np.frombuffer(frame_bytes(self.manifest, images), np.uint8)
        result_size = self.manifest.output.frame_bytes
        destination = BUFFERS + -(-len(frames) // PAGE) * PAGE
        if destination + len(images) * result_size > DDR + DDR_BYTES:
            raise SlipstickError(
                f"{len(images)} frames", "do not fit into the board's memory", "run fewer"
            )
        with SimulatedSystem(self.library, seed, profile, DDR, DDR_BYTES) as system:
            zynq = Zynq(system, self.program, self.manifest.board.clock_mhz)
            system.allow_writes(self.program.symbols["result"], result_size)
            system.allow_writes(destination, len(images) * result_size)
            _place(system, BUFFERS, frames)
            order = struct.pack("<4I", len(images), BUFFERS, destination, 0)
            _place(system, ORDER, np.frombuffer(order, np.uint8))
            ended = zynq.run(SLICES)
            (status,) = struct.unpack("<I", _bytes(system, STATUS, 4))
            failed = not ended or status != DONE
            progress(len(images))
            found = 0 if failed else len(images) * result_size
            return HostedRun(
                outputs=results(self.manifest, _bytes(system, destination, found)),
                counters=None if failed else _counters(system, len(self.manifest.stages)),
                error=(zynq.printed.strip() or "it does not end") if failed else None,
                violations=tuple(system.violations),
            )


def _place(system: SimulatedSystem, address: int, data: np.ndarray) -> None:
    start = address - system.base
    system.memory[start : start + len(data)] = data


def _bytes(system: SimulatedSystem, address: int, size: int) -> bytes:
    start = address - system.base
    return system.memory[start : start + size].tobytes()


def _counters(system: SimulatedSystem, stages: int) -> RunCounters:
    registers = register_map(stages)

    def value(name: str) -> int:
        return system.read32(registers[name].offset)

    cycles = value("CYCLES_HIGH") << 32 | value("CYCLES_LOW")
    names = [name for name in RunCounters.__dataclass_fields__ if name != "cycles"]
    return RunCounters(cycles=cycles, **{name: value(name.upper()) for name in names})
