"""The command ``import``: checkpoints of the original repositories to exported programs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from slipstick.cli_output import present, task, warnings_shown

System = Literal["deepshift", "addernet", "shiftaddnet", "shiftresnet", "ssl", "s3", "apot"]


def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint as it was released.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help=".pt2 to write.")],
    arch: Annotated[str, typer.Option(help="The network, by its name in the zoo.")],
    system: Annotated[
        System | None, typer.Option("--from", help="Who wrote it; the network's if left out.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(min=2, max=8, help="Weight bits of shift and APoT layers.")
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="That the network tells apart.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn a checkpoint of an original repository into a model to compile."""
    from slipstick.importers import check_output, read_into_zoo, write_program
    from slipstick.zoo import find

    with warnings_shown() as warned, task(f"Importing {file.name}"):
        check_output(output)
        found = read_into_zoo(file, system=system, arch=arch, bits=bits, classes=classes)
        write_program(found.module, find(arch).input_shape, output)
    result = {
        "system": found.system,
        "arch": arch,
        "bits": found.bits,
        "parameters": sum(parameter.numel() for parameter in found.module.parameters()),
        "keys": found.keys,
        "renamed": [list(pair) for pair in found.renamed],
        "dropped": list(found.dropped),
        "output": str(output),
        "warnings": warned,
    }
    present(result, _imported, as_json)


def _imported(result: Any) -> Table:
    """What was read and written, a line each."""
    table = Table.grid(padding=(0, 2))
    lines = {
        "network": f"{result['arch']} of {result['system']}",
        "weight bits": str(result["bits"] or "none"),
        "parameters": f"{result['parameters']:,}",
        "tensors": f"{result['keys']:,} read, {len(result['renamed']):,} renamed, "
        f"{len(result['dropped']):,} dropped",
        "model": result["output"],
    }
    for name, text in lines.items():
        table.add_row(name, escape(text))
    return table
