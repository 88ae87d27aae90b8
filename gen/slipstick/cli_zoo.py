"""The commands ``zoo``: the networks of the papers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from slipstick.cli_output import present, task, warnings_shown
from slipstick.errors import SlipstickError

Name = Annotated[str, typer.Argument(metavar="NAME", help="As slipstick zoo lists it.")]
Classes = Annotated[
    int | None, typer.Option(min=1, help="Width of the output; the published one if left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def list_networks(context: typer.Context, as_json: AsJson = False) -> None:
    """List the papers' networks; show or build one."""
    if context.invoked_subcommand is not None:
        return
    from slipstick.zoo.summary import summarise_all

    present(summarise_all(), _listed, as_json)


@app.command()
def show(name: Name, classes: Classes = None, as_json: AsJson = False) -> None:
    """Show a network's operations and energy beside what was published."""
    from slipstick.zoo.summary import summarise

    with task(f"Counting {name}"):
        found = summarise(name, classes)
    present(found, _shown, as_json)


@app.command()
def build(
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help=".pt2 to write.")],
    classes: Classes = None,
    seed: Annotated[int, typer.Option(help="Of the random weights.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="OPTION=VALUE", help="An option of the network, as show lists them."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export a network, untrained."""
    import torch

    from slipstick.importers import check_output, write_program
    from slipstick.zoo import build as build_network
    from slipstick.zoo import check_options, find
    from slipstick.zoo.summary import parameters

    with warnings_shown() as warned, task(f"Building {name}"):
        network = find(name)
        check_output(output)
        classes = network.classes if classes is None else classes
        torch.manual_seed(seed)
        chosen = _options(settings or [])
        # Before the call: an option must not pass for one of our own arguments.
        check_options(network, chosen)
        module = build_network(name, classes=classes, **chosen)
        write_program(module, network.input_shape, output)
    result = {
        "name": name,
        "classes": classes,
        "seed": seed,
        "parameters": parameters(module),
        "input_shape": list(network.input_shape),
        "output": str(output),
        "warnings": warned,
    }
    present(result, _built, as_json)


def _options(settings: list[str]) -> dict[str, Any]:
    """Options by name; values are JSON where they can be, else text."""
    options: dict[str, Any] = {}
    for setting in settings:
        option, is_one, text = setting.partition("=")
        if not is_one:
            raise SlipstickError(
                f"Option --set {setting}", "has no '='", "write --set OPTION=VALUE"
            )
        try:
            options[option] = json.loads(text)
        except (ValueError, RecursionError):
            options[option] = text
    return options


def _listed(result: Mapping[str, Any]) -> RenderableType:
    """A network a line, by paper."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("network", "system", "input", "published accuracy"):
        table.add_column(heading)
    for network in result["networks"]:
        accuracy = network["published"]["accuracy"]
        texts = (f"{where} {value:.2f} %" for where, value in accuracy.items())
        table.add_row(
            network["name"], network["system"], _shape(network["input_shape"]), ", ".join(texts)
        )
    return table


def _shown(result: Mapping[str, Any]) -> RenderableType:
    """Layers, then the sums beside the published figures, then energies and remarks."""
    kinds = ("taps", "multiplications", "additions", "shifts")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("layer", "kind", "shape"):
        table.add_column(heading)
    for kind in kinds:
        table.add_column(kind, justify="right")
    for layer in result["layers"]:
        counts = (f"{layer[kind]:,}" if layer[kind] else "-" for kind in kinds)
        table.add_row(escape(layer["name"]), layer["kind"], _shape(layer["shape"]), *counts)
    table.add_section()
    table.add_row("total", "", "", *(f"{result['operations'][kind]:,}" for kind in kinds))
    return Group(table, _facts(_figures(result)))


def _figures(result: Mapping[str, Any]) -> dict[str, str]:
    published, operations = result["published"], result["operations"]
    lines = {
        "input, classes": f"{_shape(result['input_shape'])}, {result['classes']}",
        "parameters": f"{result['parameters']:,}{_beside(published['parameters'])}",
        "taps": f"{operations['taps']:,}{_beside(published['multiply_adds'])}",
        "values moved": f"{operations['weights']:,} weights, {operations['reads']:,} read, "
        f"{operations['writes']:,} written",
    }
    for platform, energies in result["energy_picojoules"].items():
        texts = (f"{name} {value / 1e6:,.2f} uJ" for name, value in energies.items())
        lines[f"operations on {platform}"] = ", ".join(texts)
    options = ", ".join(f"{name}={value}" for name, value in result["options"].items())
    return lines | {"options": options or "none", "remarks": result["remarks"] or "none"}


def _beside(published: float | None) -> str:
    return "" if published is None else f" (published: {published:,.0f})"


def _built(result: Mapping[str, Any]) -> RenderableType:
    return _facts(
        {
            "network": f"{result['name']}, untrained, {result['classes']} classes",
            "parameters": f"{result['parameters']:,}",
            "input": _shape(result["input_shape"]),
            "model": result["output"],
        }
    )


def _facts(lines: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in lines.items():
        table.add_row(name, escape(text))
    return table


def _shape(shape: list[int]) -> str:
    return "x".join(str(size) for size in shape)
