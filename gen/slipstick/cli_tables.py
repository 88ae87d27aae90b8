"""The results of the commands, drawn as tables for people from the objects that --json prints."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]

BAR_LENGTH = 16
MISSING = "-"


def compiled(build: Json) -> RenderableType:
    """A build: its stages with the bottleneck marked, speed and accuracy."""
    table = _table("layer", "kind", "shape", "P S Q", "lanes>", "bits>", "cycles>", "")
    slowest = max(layer["cycles"] for layer in build["layers"])
    for layer in build["layers"]:
        table.add_row(
            escape(layer["name"]),
            layer["kind"],
            _shape(layer["shape"]),
            " ".join(str(n) for n in layer["fold"].values()) if layer["fold"] else MISSING,
            str(layer["lanes"]),
            f"{'s' if layer['signed'] else 'u'}{layer['width']}",
            f"{layer['cycles']:,}",
            _bar(layer["cycles"] / slowest, is_worst=layer["cycles"] == slowest),
        )
    board = build["board"]
    lines = {
        "top module": f"{build['top']} in {build['folder']}/rtl",
        "cycles per frame": f"{build['cycles_per_frame']:,}",
        "frames/s": f"{build['frames_per_second']:,.0f} at the {board['clock_mhz']:g} MHz "
        f"assumed for {board['name']}",
        "accuracy": f"float {_percent(build['float_accuracy'])}, "
        f"integer {_percent(build['integer_accuracy'])} of {build['images']:,} images",
        "saturated values": f"{sum(build['saturations'].values()):,} on the calibration images",
    }
    return Group(table, _facts(lines))


def estimated(estimate: Json) -> str:
    """What a circuit will be like, in one line, before it is built."""
    unproven = "" if estimate.get("is_best", True) else "; there may be better folds"
    return (
        f"estimate: {estimate['frames_per_second']:,.0f} frames/s, "
        f"{estimate['latency_cycles']:,} cycles from a frame's first beat in to its last out, "
        f"{_taken(estimate)}; the slowest stage is {escape(estimate['bottleneck'])}{unproven}"
    )


def _taken(estimate: Json) -> str:
    return (
        f"{estimate['lut'] + estimate['lutram']:,} LUT, {estimate['ff']:,} FF, "
        f"{_number(estimate['bram36'])} BRAM36"
    )


def inspected(model: Json) -> RenderableType:
    """A model as it was trained: its layers, shapes and operations."""
    table = _table("layer", "kind", "shape", "parameters>", "operations>")
    for layer in model["layers"]:
        table.add_row(
            escape(layer["name"]),
            layer["kind"],
            _shape(layer["shape"]),
            f"{layer['parameters']:,}" if layer["parameters"] else MISSING,
            f"{sum(layer['operations'].values()):,}" if layer["operations"] else MISSING,
        )
    operations = ", ".join(f"{count:,} {kind}" for kind, count in model["operations"].items())
    lines = {
        "input": _shape(model["input_shape"]),
        "output": _shape(model["output_shape"]),
        "parameters": f"{model['parameters']:,}",
        "operations a frame": operations or "none",
    }
    return Group(table, _facts(lines))


def simulated(result: Json) -> RenderableType:
    """A simulation: what was compared, where it differs, and how fast the circuit is."""
    table = _table("layer", "stream", "mismatches>", "cycles>", "ideal>")
    for layer in (*result["per_layer"], result["output"]):
        table.add_row(
            escape(layer["instance"]),
            escape(layer["tensor"]),
            _verdict(layer["mismatches"]),
            _number(layer["cycles_per_frame"]),
            _number(layer["ideal_cycles_per_frame"]),
        )
    lines: dict[str, str | Text] = {
        "frames": f"{result['frames']:,} in {result['simulator']}",
        "layers compared": str(result["layers_compared"]),
        "mismatches": _verdict(result["mismatches"]),
        "cycles per frame": f"{_number(result['cycles_per_frame'])} measured, "
        f"{_number(result['ideal_cycles_per_frame'])} ideal",
        "frames/s": f"{_number(result['frames_per_second'])} in hardware at the assumed clock, "
        f"{_number(result['simulated_frames_per_wall_second'])} simulated",
        "accuracy": f"RTL {_percent(result['accuracy'])}, "
        f"integer {_percent(result['integer_accuracy'])} of these frames",
    }
    return Group(table, _facts(lines), *_differences(result))


def system_simulated(result: Json) -> RenderableType:
    """A simulation of the system: whether all results are right, and what the buses cost."""
    lines: dict[str, str | Text] = {
        "frames": f"{result['frames']:,} from memory to memory, driven by {result['processor']}",
        "mismatches": _verdict(result["mismatches"]),
        "rules broken": _verdict(len(result["violations"])),
        "cycles per frame": f"{_number(result['cycles_per_frame'])} with a fast memory, "
        f"{_number(result['random_cycles_per_frame'])} with random delays, "
        f"{_number(result['ideal_cycles_per_frame'])} ideal",
        "frames/s": f"{_number(result['frames_per_second'])} in hardware at the assumed clock, "
        f"{_number(result['simulated_frames_per_wall_second'])} simulated",
        "bytes per burst": f"{_number(result['bytes_per_read_burst'])} read, "
        f"{_number(result['bytes_per_write_burst'])} written",
        "use of the bus": f"{_percent(result['read_utilisation'])} of the cycles read, "
        f"{_percent(result['write_utilisation'])} write",
        "stalls per frame": f"{_number(result['read_stalls_per_frame'])} reading, "
        f"{_number(result['write_stalls_per_frame'])} writing",
        "accuracy": f"system {_percent(result['accuracy'])}, "
        f"integer {_percent(result['integer_accuracy'])} of these frames",
    }
    return Group(_facts(lines), *(Text(line, "red") for line in _faults(result)))


def _faults(result: Json) -> list[str]:
    """What went wrong, a line each."""
    lines = [*result["violations"]]
    if result["error"]:
        lines.append(f"the driver says: {result['error']}")
    first = result["first_mismatch"]
    if first:
        where = "frame {frame}, channel {channel}, row {row}, column {column}".format(**first)
        lines.append(f"first at {where}: expected {first['expected']}, got {first['got']}")
    return lines


def _differences(result: Json) -> list[Text]:
    """A line for each layer that differs, with its first wrong value."""
    lines = [Text(text, "red") for text in result["violations"]]
    for layer in (*result["per_layer"], result["output"]):
        first = layer["first_mismatch"]
        if first:
            place = "a pad lane" if first["channel"] is None else f"channel {first['channel']}"
            where = f"frame {first['frame']}, {place}, row {first['row']}, column {first['column']}"
            values = f"expected {first['expected']}, got {first['got']}"
            lines.append(Text(f"{layer['tensor']}: first at {where}: {values}", "red"))
    return lines


def synthesised(result: Json) -> RenderableType:
    """A synthesis: resources of each instance, their sum, the share of the part."""
    kinds = ("lut", "lut_sites", "ff", "carry4", "bram36", "lutram", "dsp", "multipliers")
    table = _table("instance", *(f"{kind}>" for kind in kinds))
    for row in result["per_layer"]:
        table.add_row(escape(row["instance"]), *(_number(row[kind]) for kind in kinds))
    table.add_section()
    table.add_row("total", *(_number(result[kind]) for kind in kinds), style="bold")
    used = result["utilisation"]
    table.add_row("of the part", *(_percent(used.get(kind)) for kind in kinds))
    return Group(table, _facts({"multipliers": _verdict(result["multipliers"])}))


def reported(results: Json) -> RenderableType:
    """The main figures of a build, its simulation and its synthesis."""
    build, simulation, synthesis = (results[k] for k in ("build", "simulation", "synthesis"))
    lines: dict[str, str | Text] = {}
    if simulation:
        lines |= {
            "images simulated": f"{simulation['frames']:,}",
            "layers compared": str(simulation["layers_compared"]),
            "mismatches": _verdict(simulation["mismatches"]),
        }
    rtl = simulation["accuracy"] if simulation else None
    lines["accuracy"] = (
        f"float {_percent(build['float_accuracy'])}, "
        f"integer {_percent(build['integer_accuracy'])}, RTL {_percent(rtl)}"
    )
    measured = _number(simulation["cycles_per_frame"]) if simulation else "not"
    lines["cycles per frame"] = f"{measured} measured, {build['cycles_per_frame']:,} ideal"
    if synthesis:
        lines["LUT / FF / BRAM"] = " / ".join(
            f"{_number(synthesis[kind])} ({_percent(synthesis['utilisation'].get(kind))})"
            for kind in ("lut", "ff", "bram36")
        )
        lines["multipliers"] = _verdict(synthesis["multipliers"])
    return _facts(lines | {"report": results["report"]})


def examined(health: Json) -> RenderableType:
    """The checks of `doctor`, each with its fix."""
    table = _table("", "what", "found", "fix")
    for check in health["checks"]:
        if check["ok"]:
            mark = Text("ok", "green")
        else:
            mark = Text("missing", "red" if check["required"] else "yellow")
        table.add_row(mark, check["name"], escape(check["detail"]), escape(check["fix"]))
    return table


def _table(*headings: str) -> Table:
    """An empty table; headings that end in ``>`` are of numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(heading.rstrip(">"), justify="right" if is_number else "left")
    return table


def _facts(lines: Mapping[str, str | Text]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    width = max(len(name) for name in lines)
    for name, value in lines.items():
        table.add_row(f"{name:{width}}", value if isinstance(value, Text) else escape(value))
    return table


def _bar(share: float, *, is_worst: bool) -> Text:
    length = max(1, round(share * BAR_LENGTH))
    return Text("█" * length, "yellow" if is_worst else "cyan")


def _verdict(count: int) -> Text:
    return Text(f"{count:,}", "red" if count else "green")


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.2f} %"
