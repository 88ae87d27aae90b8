"""Renders the page from whatever the build folder holds."""

import json
from pathlib import Path
from typing import Any

import jinja2

from slipstick.build_folder import Manifest
from slipstick.built import read_build
from slipstick.files import write_whole
from slipstick.graph import Graph
from slipstick.report import headline, text
from slipstick.report.estimated import comparisons
from slipstick.report.frames import gallery
from slipstick.report.layers import layers, remainders
from slipstick.report.network import draw
from slipstick.report.results import read_estimate, read_simulation, read_synthesis
from slipstick.report.stage_graph import INPUT, arrange
from slipstick.report.weights import histograms

FILE = "report.html"

COLOURS = {
    "input": "input",
    "shift": "shift",
    "shift-add": "shiftadd",
    "l1": "l1",
    "max pool": "pool",
    "sum pool": "pool",
    "add": "join",
    "concat": "join",
    "gate": "join",
    "affine": "affine",
    "argmax": "argmax",
}
"""CSS class of each kind of stage; a kind that is not listed is grey."""


def report(folder: Path) -> Path:
    """Writes ``report.html`` into build ``folder`` and returns its path.

    The page needs no network and shows what is there: where simulation or synthesis is missing
    it names the command. Same folder, same bytes.

    Raises `SlipstickError` if ``folder`` is no build folder or a file in it is damaged.
    """
    manifest, graph = read_build(folder)
    html = _environment().get_template("page.html.j2").render(_context(folder, manifest, graph))
    path = folder / FILE
    write_whole(path, html)
    return path


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slipstick.report", "templates"),
        # Layer and network names come from the user: everything is escaped.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": text.number,
        "percent": text.percent,
        "error": text.error,
        "shortened": text.shortened,
        "colour": lambda kind: COLOURS.get(kind, "other"),
    }
    return environment


def _context(folder: Path, manifest: Manifest, graph: Graph) -> dict[str, Any]:
    simulation, synthesis = read_simulation(folder), read_synthesis(folder)
    name = folder.resolve().name
    table = layers(manifest, graph, simulation, synthesis)
    return {
        "manifest": manifest,
        "folder": name,
        "simulation": simulation,
        "synthesis": synthesis,
        "badges": (headline.exactness(simulation, name), headline.freedom(synthesis, name)),
        "accuracies": headline.accuracies(manifest, simulation),
        "speed": headline.speed(manifest, simulation),
        "resources": headline.resources(synthesis) if synthesis else (),
        "pieces": draw(arrange(manifest, graph)),
        "boxes": _boxes(manifest, graph, table),
        "layers": table,
        "kinds": tuple(dict.fromkeys(stage.kind for stage in manifest.stages)),
        "remainders": remainders(synthesis),
        "largest": max((layer.counts.lut for layer in table if layer.counts), default=0),
        "comparisons": comparisons(manifest, read_estimate(folder), synthesis),
        "histograms": histograms(graph),
        "gallery": gallery(folder, manifest, graph),
        "config": json.dumps(manifest.config, indent=2, ensure_ascii=False),
    }


def _boxes(manifest: Manifest, graph: Graph, table: tuple[Any, ...]) -> dict[int, dict[str, Any]]:
    """What stands in each box of the drawn network."""
    source = manifest.input
    boxes: dict[int, dict[str, Any]] = {
        INPUT: {
            "title": source.tensor,
            "kind": "input",
            "shape": text.shape(source.shape),
            "grid": text.grid(source.width, source.signed, source.frac),
            "fold": "",
            "share": 0.0,
            "is_slowest": False,
        }
    }
    for number, layer in enumerate(table):
        boxes[number] = {
            "title": layer.nodes[0],
            "kind": layer.kind,
            "shape": layer.shape,
            "grid": layer.grid,
            "fold": layer.fold,
            "share": layer.share,
            "is_slowest": layer.is_slowest,
        }
    return boxes
