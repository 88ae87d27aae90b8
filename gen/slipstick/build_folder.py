"""The build folder's manifest, written by the compiler and read by everything after it.

docs/architecture.md describes the folder; these classes are that description, checked.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from slipstick.errors import SlipstickError
from slipstick.files import write_whole
from slipstick.streams import Layout, element_bytes

__all__ = [
    "Accuracy",
    "BoardRecord",
    "Fold",
    "Manifest",
    "PortRecord",
    "StageRecord",
    "StageStream",
    "StreamRecord",
    "read_manifest",
    "write_manifest",
]

FORMAT = 2
FILE = "manifest.json"
WORD = 32

# Names reach Verilog, C++ and file names, so a manifest from elsewhere must not smuggle others.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Size = Annotated[int, Field(gt=0, lt=1 << 53)]


class Record(BaseModel):
    """Base of all: frozen, and closed, so that a misspelt key is found where it is written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


class StreamRecord(Record):
    """A tensor as it travels: its grid, and the channels of each beat of a pixel.

    An image that passes as one pixel has beats of all its values, numbered in C, H, W order.
    """

    tensor: str
    shape: tuple[Size, Size, Size]
    width: int = Field(gt=0, le=64)
    signed: bool
    frac: int
    beats: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _beats_carry_every_channel_once(self) -> "StreamRecord":
        if len({len(beat) for beat in self.beats}) != 1:
            raise ValueError("beats must be lists of one length")
        order = self.layout.order
        whole = len(order) in (self.shape[0], math.prod(self.shape))
        if not whole or sorted(order) != list(range(len(order))):
            raise ValueError(f"beats must carry each of {self.shape[0]} channels once")
        return self

    @property
    def layout(self) -> Layout:
        """Which channel each lane of each beat carries."""
        return Layout(self.beats)

    @property
    def payload_width(self) -> int:
        """Bits of one beat."""
        return self.width * len(self.beats[0])

    @property
    def words(self) -> int:
        """32-bit words that `slipstick.streams.pack` makes of one beat."""
        return -(-self.payload_width // WORD)

    @property
    def beats_per_frame(self) -> int:
        """Beats of one frame: those of all its pixels."""
        return self.layout.frame_beats(self.shape)

    @property
    def element_bytes(self) -> int:
        """Bytes that one channel takes in memory."""
        return element_bytes(self.width)

    @property
    def frame_bytes(self) -> int:
        """Bytes that one frame takes in memory."""
        return self.element_bytes * math.prod(self.shape)


class StageStream(StreamRecord):
    """The stream that leaves a stage: ports ``o__payload``, ``o__valid``, ``o__ready``."""

    instance: Identifier
    module: Identifier


class PortRecord(StreamRecord):
    """The stream at the top's ports, which are named here."""

    data: Identifier
    valid: Identifier
    ready: Identifier
    last: Identifier


class Fold(Record):
    """Lanes of an engine: outputs x inputs x taps in one cycle.

    ``rom`` holds the weights, where it was chosen; it is left out where it was not.
    """

    P: Size
    S: Size
    Q: Size
    rom: Literal["lut", "block"] | None = None

    @model_serializer(mode="wrap")
    def _without_what_was_not_chosen(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value is not None}


class StageRecord(Record):
    """A stage of the circuit: the nodes it implements and what it was planned to take.

    ``cycles`` is its ideal initiation interval, in cycles a frame.
    """

    instance: Identifier
    module: Identifier
    kind: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    fold: Fold | None
    lanes: int = Field(ge=0)
    cycles: Size


class BoardRecord(Record):
    """The board as it was when the network was compiled."""

    name: str
    part: str
    clock_mhz: float = Field(ge=1e-3, le=1e6)
    capacity: Mapping[str, int]


class Accuracy(Record):
    """Share of ``images`` classified right by the float and by the integer network.

    ``source`` says whose images: those that set the scales, or others given for this.
    """

    images: Size
    source: Literal["calibration", "evaluation"] = "calibration"
    floating: float = Field(alias="float")
    integer: float


class Manifest(Record):
    """What was built."""

    format: Literal[2] = 2
    slipstick: str
    top: Identifier
    board: BoardRecord
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    hashes: Mapping[str, str]
    accuracy: Accuracy | None
    saturations: Mapping[str, int]
    cycles_per_frame: Size
    input: PortRecord
    output: PortRecord
    streams: tuple[StageStream, ...]
    stages: tuple[StageRecord, ...]

    @property
    def graph_hash(self) -> bytes:
        """16 bytes that tell this integer graph from every other: the driver compares them."""
        files = sorted(name for name in self.hashes if name.startswith("graph/"))
        digest = hashlib.sha256()
        for name in files:
            digest.update(f"{name}:{self.hashes[name]}\n".encode())
        return digest.digest()[:16]

    def stage(self, instance: str) -> StageRecord:
        """The stage called ``instance``."""
        return next(stage for stage in self.stages if stage.instance == instance)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of build ``folder``.

    Raises `SlipstickError` if ``folder`` is no build folder, or its manifest is damaged or of
    another format.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        document = json.loads(text)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SlipstickError(
            f"Folder '{folder}'", f"holds no {FILE}", "give a folder that compile made"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, str(error)) from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise _unreadable(folder, f"its format is {found!r}, this version reads {FORMAT}")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise _unreadable(folder, f"key '{key}': {first['msg']}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes ``manifest`` into ``folder``. Same manifest, same bytes; never half a file."""
    text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=1, ensure_ascii=False)
    write_whole(folder / FILE, text + "\n")


def _unreadable(folder: Path, cause: str) -> SlipstickError:
    return SlipstickError(
        f"Manifest '{folder / FILE}'", f"cannot be read ({cause})", "compile the model again"
    )
