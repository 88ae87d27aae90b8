"""The command ``explore``: which widths, folds and clocks no others beat."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from slipstick.cli_output import present, task
from slipstick.errors import SlipstickError

CHECK_FAILED = 1

Number = TypeVar("Number", int, float)
Values = str | None

COLUMNS = {
    "activation_bits": "bits",
    "weight_bits": "weight bits",
    "bn_terms": "terms",
    "lanes": "lanes",
    "interval": "interval",
    "clock_mhz": "MHz",
    "frames_per_second": "frames/s",
    "lut": "LUT",
    "integer_accuracy": "accuracy",
    "energy_nanojoules": "nJ estimate",
}


def explore(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .pt2 exported program.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to make, or to go on in.")
    ],
    calibrate: Annotated[Path, typer.Option(help=".npz with 'images' and perhaps 'labels'.")],
    evaluate: Annotated[
        Path | None, typer.Option(help=".npz with other 'images' and 'labels', for accuracy.")
    ] = None,
    board: Annotated[str, typer.Option(help="A board's name, or its TOML file.")] = "zc706",
    config: Annotated[Path | None, typer.Option(help="TOML with what is not swept.")] = None,
    bits: Annotated[Values, typer.Option(metavar="N,N", help="Activation bits.")] = None,
    weight_bits: Annotated[
        Values, typer.Option(metavar="N,N", help="Weight bits of ordinary layers.")
    ] = None,
    bn_terms: Annotated[
        Values, typer.Option(metavar="N,N", help="Powers of two of a BatchNorm's scale.")
    ] = None,
    lanes: Annotated[Values, typer.Option(metavar="N,N", help="Lanes in all.")] = None,
    interval: Annotated[Values, typer.Option(metavar="N,N", help="Cycles a frame.")] = None,
    clock: Annotated[
        Values, typer.Option(metavar="F,F", help="MHz; the board's if left out.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=2, help="Simulate N frames of each circuit, too.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, or jobs of --cluster.")] = 2,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="A running Dask scheduler.")
    ] = None,
    cluster: Annotated[
        Literal["lsf", "slurm"] | None, typer.Option(help="Start workers as batch jobs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Sweep widths, folds and clocks; find the circuits that no others beat."""
    from slipstick.explore import Start, Sweep
    from slipstick.explore import explore as explore_model

    if scheduler is not None and cluster is not None:
        raise SlipstickError(
            "Option --scheduler", "does not go together with --cluster", "leave out one of them"
        )
    sweep = Sweep(
        activation_bits=_values("--bits", bits, int),
        weight_bits=_values("--weight-bits", weight_bits, int),
        bn_terms=_values("--bn-terms", bn_terms, int),
        lanes=_values("--lanes", lanes, int),
        interval=_values("--interval", interval, int),
        clocks_mhz=_values("--clock", clock, float),
    )
    with task(f"Exploring {model.name}") as progress:
        found = explore_model(
            model,
            sweep,
            output=output,
            calibrate=calibrate,
            evaluate=evaluate,
            board=board,
            config=config,
            frames=frames,
            start=Start(workers, scheduler, cluster),
            progress=progress.count,
        )
    present(found.document | {"folder": str(found.folder)}, _explored, as_json)
    points = found.document["points"]
    return CHECK_FAILED if any(p["mismatches"] or p["multipliers"] for p in points) else 0


def _values(option: str, text: str | None, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """The positive numbers of ``text``; none for None."""
    try:
        found = tuple(kind(part) for part in text.split(",")) if text is not None else ()
    except ValueError:
        found = (kind("0"),)
    if not all(0 < value < float("inf") for value in found):
        raise SlipstickError(
            f"Option {option}", f"must be positive numbers, not '{text}'", "write them as 4,6,8"
        )
    return found


def _explored(result: Mapping[str, Any]) -> RenderableType:
    """The front, a point a line, and where the page is."""
    points = [result["points"][i] for i in result["front"]]
    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = {key: name for key, name in COLUMNS.items() if any(key in p for p in points)}
    for heading in columns.values():
        table.add_column(heading, justify="right")
    for point in points:
        table.add_row(*(_cell(key, point[key]) for key in columns))
    flawed = sum(point["flaw"] is not None for point in result["points"])
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "points", f"{len(result['points'])}, {len(points)} on the front, {flawed} with a flaw"
    )
    facts.add_row("page", escape(f"{result['folder']}/explore.html"))
    return Group(table, facts)


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    if key == "integer_accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
