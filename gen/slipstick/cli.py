"""The command line: one thin function a command.

stdout carries the result, tables for people or with ``--json`` one object; stderr everything else.
A command exits with 0 when done, 1 when a check failed (a mismatch, a multiplier), 2 on an error
that the user can mend, 130 when interrupted.
"""

import errno
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from slipstick import __version__, cli_build, cli_tables, cli_zoo
from slipstick.cli_explore import explore
from slipstick.cli_import import import_checkpoint
from slipstick.cli_output import complain, present, task, warnings_shown
from slipstick.errors import SlipstickError
from slipstick.interrupts import hear_interrupts

CHECK_FAILED = 1
ERROR = 2
INTERRUPTED = 130

SYSTEM_LIMITS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.ELOOP,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Failures of the machine or of a path, wherever they happen. Any other `OSError` that escapes is
a bug."""

app = typer.Typer(
    name="slipstick",
    help="Multiplication-free neural networks from PyTorch to bit-exact Verilog.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Simulator = Literal["verilator", "icarus"]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that compile made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


def main() -> None:
    """Entry point of the ``slipstick`` program."""
    hear_interrupts()
    # When the process ends, a circuit that was given up is nobody's concern.
    warnings.filterwarnings("ignore", message=".* created but never used")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code; what the user can mend becomes one line."""
    try:
        with warnings_shown():
            code: int = app(arguments, prog_name="slipstick", standalone_mode=False) or 0
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except Exception as error:
        complain(_explained(error), "--json" in arguments)
        return ERROR
    if code == INTERRUPTED:
        sys.stderr.write("interrupted\n")
    return code


def _explained(error: Exception) -> SlipstickError:
    """``error`` as one that the user can mend; raises it again if it is a bug of ours."""
    if isinstance(error, SlipstickError):
        return error
    if isinstance(error, OSError) and error.errno in SYSTEM_LIMITS:
        thing = f"File '{error.filename}'" if error.filename else "The system"
        return SlipstickError(thing, str(error.strerror), "mend that and try again")
    if isinstance(error, _command_line_error()):
        return SlipstickError("Command line", error.format_message(), "see slipstick --help")
    raise error


def _command_line_error() -> type[Any]:
    """The base of what is wrong with arguments; typer's releases differ in where it is."""
    return typer.BadParameter.__mro__[2]


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"slipstick {__version__}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


@app.command()
def compile(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .pt2 exported program.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")],
    board: Annotated[str, typer.Option(help="A board's name, or its TOML file.")] = "zc706",
    config: Annotated[Path | None, typer.Option(help="TOML with widths and folds.")] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help=".npz with 'images' and perhaps 'labels'.")
    ] = None,
    evaluate: Annotated[
        Path | None, typer.Option(help=".npz with other 'images' and 'labels', for accuracy.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the top module.")] = None,
    target_fps: Annotated[
        float | None, typer.Option(metavar="F", help="Frames/s to reach, with few LUTs.")
    ] = None,
    lut_budget: Annotated[
        str | None, typer.Option(metavar="N|N%", help="LUTs to spend; 80% beside other goals.")
    ] = None,
    bram_budget: Annotated[
        str | None, typer.Option(metavar="N|N%", help="Block RAMs to spend; likewise.")
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="The result as soon as can be, within the budgets.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Turn a trained network into Verilog and the golden model it equals."""
    from slipstick.build import compile as compile_model
    from slipstick.inspect import summarise_build

    with warnings_shown() as warned, task(f"Compiling {model.name}") as progress:
        compile_model(
            model,
            output=output,
            board=board,
            config=config,
            calibrate=calibrate,
            evaluate=evaluate,
            name=name,
            target_fps=target_fps,
            lut_budget=lut_budget,
            bram_budget=bram_budget,
            latency=latency,
            progress=progress.share,
            announce=lambda estimate: progress.note(cli_tables.estimated(estimate)),
        )
    present(summarise_build(output) | {"warnings": warned}, cli_tables.compiled, as_json)


app.command("import")(import_checkpoint)
app.add_typer(cli_zoo.app, name="zoo")
app.command()(cli_build.build)
app.command()(cli_build.boards)
app.command()(explore)


@app.command()
def simulate(
    folder: Folder,
    fast: Annotated[bool, typer.Option("--fast", help="C++ harness, for whole test sets.")] = False,
    images: Annotated[
        Path | None,
        typer.Option(help=".npz with 'images', as the model takes them, and perhaps 'labels'."),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Only the first N.")] = None,
    system: Annotated[
        bool, typer.Option("--system", help="The C driver, memory and buses around it, too.")
    ] = False,
    arm: Annotated[
        bool, typer.Option("--arm", help="With --system: the ARM program, on an emulator.")
    ] = False,
    simulator: Annotated[Simulator, typer.Option(help="Without --fast.")] = "verilator",
    waves: Annotated[Path | None, typer.Option(help="Write a waveform (.vcd) here.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random idle and back-pressure.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Run the Verilog and compare every layer, or with --system every result in memory."""
    from slipstick.sim import simulate as simulate_folder

    if system:
        given = {"--fast": fast, "--simulator": simulator != "verilator", "--waves": bool(waves)}
        _refuse_beside_system(given)
        return _simulate_system(folder, images, frames, seed, arm, as_json)
    if arm:
        raise SlipstickError("Option --arm", "is for the whole system", "add --system")
    with task(f"Simulating {folder}") as progress:
        result = simulate_folder(
            folder,
            images=images,
            frames=frames,
            fast=fast,
            simulator=simulator,
            waves=waves,
            seed=seed,
            progress=progress.count,
        ).to_json()
    present(result, cli_tables.simulated, as_json)
    return CHECK_FAILED if result["mismatches"] else 0


def _refuse_beside_system(options: dict[str, bool]) -> None:
    for option, given in options.items():
        if given:
            raise SlipstickError(
                f"Option {option}", "does not go together with --system", "leave out one of them"
            )


def _simulate_system(
    folder: Path, images: Path | None, frames: int | None, seed: int, arm: bool, as_json: bool
) -> int:
    from slipstick.sim.system.run import simulate_system

    with task(f"Simulating the system of {folder}") as progress:
        result = simulate_system(
            folder, images=images, frames=frames, seed=seed, arm=arm, progress=progress.count
        )
    present(result.to_json(), cli_tables.system_simulated, as_json)
    return 0 if result.ok else CHECK_FAILED


@app.command()
def synth(
    folder: Folder,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side; one a core.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Count what the circuit takes of the board's part; fail if anything multiplies."""
    from slipstick.synth import CORES, synthesise

    with task(f"Synthesising {folder}") as progress:
        result = synthesise(folder, jobs=jobs or CORES, progress=progress.count).to_json()
    present(result, cli_tables.synthesised, as_json)
    return CHECK_FAILED if result["multipliers"] else 0


@app.command()
def report(folder: Folder, as_json: AsJson = False) -> None:
    """Write one HTML page about a build, and print its main figures."""
    from slipstick.inspect import summarise_results
    from slipstick.report import compared
    from slipstick.report import report as write_report

    with task(f"Reporting {folder}"):
        page = write_report(folder)
    found = summarise_results(folder) | {"estimate": compared(folder), "report": str(page)}
    present(found, cli_tables.reported, as_json)


@app.command()
def inspect(
    target: Annotated[
        Path, typer.Argument(metavar="MODEL|DIR", help="A .pt2 file, or a folder compile made.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a model holds, without building it, or what a build holds."""
    from slipstick.inspect import inspect_model, summarise_build

    with task(f"Reading {target}"):
        is_build = target.is_dir()
        found = summarise_build(target) if is_build else inspect_model(target)
    present(found, cli_tables.compiled if is_build else cli_tables.inspected, as_json)


@app.command()
def doctor(as_json: AsJson = False) -> int:
    """Check that this machine has what Slipstick needs."""
    from slipstick.doctor import examine

    with task("Examining this machine"):
        health = examine()
    present(health.to_json(), cli_tables.examined, as_json)
    return 0 if health.ok else ERROR


if __name__ == "__main__":
    main()
