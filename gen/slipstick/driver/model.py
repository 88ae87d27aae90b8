"""What a driver knows of the network that it serves, and how it reaches C."""

from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from slipstick.driver.grid import Grid, to_bytes
from slipstick.errors import SlipstickError
from slipstick.files import write_whole

FILES = ("slipstick_model.h", "slipstick_model.c")
JSON = "slipstick_model.json"


class Model(BaseModel):
    """A compiled network, seen from outside.

    Attributes
    ----------
    hash : of the integer graph, in hexadecimal digits.
    order : the channel at each place of a pixel of the result; None if they lie in order.
    classes : that the network tells apart; 0 if it does not name one class a frame.
    ends_in_class : the result is the class itself.
    interval : cycles a frame, ideally.
    stages : names, in the order of their counters.
    selftest_frame, selftest_result : bytes as in memory, in hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hash: str
    frame: Grid
    result: Grid
    order: tuple[int, ...] | None
    classes: int
    ends_in_class: bool
    interval: int
    clock_hz: int
    stages: tuple[str, ...]
    selftest_frame: str
    selftest_result: str

    @property
    def hash_words(self) -> tuple[int, ...]:
        """What the registers ``HASH`` must show."""
        return tuple(np.frombuffer(bytes.fromhex(self.hash), "<u4").tolist())


def model_of(folder: Path) -> Model:
    """The network in build ``folder``; its self-test is the first of the folder's frames.

    Raises `SlipstickError` if the folder is damaged.
    """
    # The golden model needs torch, which a board that only reads a model need not have.
    import torch

    from slipstick.built import read_build, read_frames
    from slipstick.graph import Argmax, run

    manifest, graph = read_build(folder)
    images, _ = read_frames(folder, graph)
    frame = images[:1].astype(np.int64)
    result = run(graph, torch.from_numpy(frame))[graph.output].numpy()
    frame_grid, result_grid = Grid.of(manifest.input), Grid.of(manifest.output)
    last = graph[graph.output]
    ends_in_class = isinstance(last, Argmax) and manifest.output.shape == (1, 1, 1)
    scores = graph.tensors[last.inputs[0] if ends_in_class else last.name]
    order = manifest.output.layout.order
    return Model(
        name=manifest.top,
        hash=manifest.graph_hash.hex(),
        frame=frame_grid,
        result=result_grid,
        order=None if order == tuple(range(len(order))) else order,
        classes=scores.shape[0] if scores.shape[1:] == (1, 1) else 0,
        ends_in_class=ends_in_class,
        interval=manifest.cycles_per_frame,
        clock_hz=round(manifest.board.clock_mhz * 1e6),
        stages=tuple(stage.instance for stage in manifest.stages),
        selftest_frame=to_bytes(frame_grid, frame).hex(),
        selftest_result=to_bytes(result_grid, result, order).hex(),
    )


def write_model(folder: Path, target: Path) -> None:
    """Writes what the drivers know of build ``folder`` into folder ``target``.

    ``slipstick_model.h`` and ``.c`` are for the C driver, ``slipstick_model.json`` for the Python
    driver. Raises `SlipstickError` if the build folder is damaged or a file cannot be written.
    """
    model = model_of(folder)
    for name in FILES:
        write_whole(target / name, _render(name, model))
    write_whole(target / JSON, model.model_dump_json(indent=1) + "\n")


def read_model(path: Path) -> Model:
    """The model that `write_model` wrote as ``slipstick_model.json``.

    Raises `SlipstickError` if the file cannot be read.
    """
    try:
        return Model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SlipstickError(
            f"File '{path}'",
            f"is no model of a driver ({str(error).splitlines()[0]})",
            f"give a {JSON} that slipstick wrote",
        ) from error


def _render(name: str, model: Model) -> str:
    source = resources.files(__package__).joinpath(f"{name}.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(source).render(
        model=model,
        frame=list(bytes.fromhex(model.selftest_frame)),
        result=list(bytes.fromhex(model.selftest_result)),
    )
