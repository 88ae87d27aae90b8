"""Writes what Yosys and nextpnr read: Verilog of the core and around it, pins."""

import shutil
from pathlib import Path

import jinja2

from slipstick.boards import Ecp5Board
from slipstick.build_folder import Manifest
from slipstick.ecp5.pll import find_pll
from slipstick.emit import to_rtlil, to_verilog
from slipstick.errors import SlipstickError
from slipstick.rtl_templates.uart.line import LEAST_DIVISOR
from slipstick.rtl_templates.uart.uart_system import StreamCore, UartSystem
from slipstick.synth.gate import count_multipliers
from slipstick.system import system_parameters

TOP = "slipstick_ecp5"
SYSTEM = "slipstick_uart"
OURS = "slipstick_"

BAUD = 1_000_000
BAUD_TOLERANCE = 0.02
SILENCE_SECONDS = 0.1
"""After so long without a byte the board looks for the start of a packet."""


def write_sources(build: Path, manifest: Manifest, board: Ecp5Board, project: Path) -> None:
    """Writes the Verilog of build ``build`` for ``board`` into ``project/rtl``, and its pins.

    Raises `SlipstickError` if the clock cannot be made, is too slow for the serial port, or if
    the network is called like a module of ours.
    """
    if manifest.top.startswith(OURS):
        raise SlipstickError(
            f"Network '{manifest.top}'",
            f"has a name that begins like the modules around it ({OURS})",
            "compile it with another --name",
        )
    facts = {
        "network": manifest.top,
        "title": board.title,
        "baud": BAUD,
        "clock_mhz": f"{board.clock_mhz:g}",
        "oscillator_mhz": f"{board.ecp5.oscillator_mhz:g}",
        "pll": find_pll(board.ecp5.oscillator_mhz, board.clock_mhz),
        "pins": {
            "oscillator": board.ecp5.oscillator,
            "rx": board.ecp5.receive,
            "tx": board.ecp5.transmit,
        },
    }
    rtl = project / "rtl"
    shutil.copytree(build / "rtl", rtl)
    to_verilog(_system(manifest, board.clock_mhz), rtl)
    (rtl / f"{TOP}.v").write_text(_rendered(f"{TOP}.v", facts), encoding="utf-8")
    (project / f"{TOP}.lpf").write_text(_rendered(f"{TOP}.lpf", facts), encoding="utf-8")


def divisor_of(clock_mhz: float) -> int:
    """Cycles a bit on the serial port.

    Raises `SlipstickError` if the clock is too slow for `BAUD`.
    """
    cycles = clock_mhz * 1e6 / BAUD
    divisor = round(cycles)
    if divisor < LEAST_DIVISOR or abs(divisor / cycles - 1) > BAUD_TOLERANCE:
        raise SlipstickError(
            f"Clock of {clock_mhz:g} MHz",
            f"cannot drive a serial port of {BAUD:,} baud",
            f"choose a whole number of MHz of at least {LEAST_DIVISOR} in the board's file",
        )
    return divisor


def _system(manifest: Manifest, clock_mhz: float) -> str:
    """RTLIL of the serial system around the stream core."""
    parameters = system_parameters(manifest)
    system = UartSystem(
        StreamCore(parameters.core, parameters.frame, parameters.result),
        parameters.frame,
        parameters.result,
        parameters.graph_hash,
        divisor_of(clock_mhz),
        round(SILENCE_SECONDS * clock_mhz * 1e6),
    )
    text, _ = to_rtlil(system, SYSTEM)
    found = count_multipliers(text)
    if found:
        raise RuntimeError(f"A multiplication-free design must have no {found}")
    return text


def _rendered(name: str, facts: dict[str, object]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slipstick.ecp5"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{name}.j2").render(facts)
