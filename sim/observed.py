"""What a bench saw, as the C++ harness and the cocotb bench both write it in JSON."""

from dataclasses import dataclass
from typing import Any

from slipstick.build_folder import Manifest, StreamRecord
from slipstick.errors import SlipstickError
from slipstick.sim.result import Mismatch
from slipstick.sim.wrapper import probed_streams


@dataclass(frozen=True)
class Difference:
    """The first beat of a stream that was wrong; beats as one number, lane 0 lowest.

    ``expected`` is None for a beat too many, ``got`` is None where the simulator saw an X.
    """

    frame: int
    beat: int
    got: int | None
    expected: int | None

    @classmethod
    def from_json(cls, record: dict[str, Any] | None) -> "Difference | None":
        """From hexadecimal numbers."""
        if record is None:
            return None
        got, expected = (
            None if record[key] is None else int(record[key], 16) for key in ("got", "expected")
        )
        return cls(record["frame"], record["beat"], got, expected)


@dataclass(frozen=True)
class ObservedStream:
    """One probe's findings.

    Attributes
    ----------
    mismatches : lanes that differed.
    surplus : beats after the last expected one.
    broken : whether an offered beat changed or vanished before it was taken.
    frame, beat : how far the stream came.
    first, middle, last : cycles at which the first, the middle and the last frame were complete.
    difference : the first wrong beat.
    """

    mismatches: int
    surplus: int
    broken: bool
    frame: int
    beat: int
    first: int
    middle: int
    last: int
    difference: Difference | None

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "ObservedStream":
        """From what a bench wrote."""
        fields = {key: value for key, value in document.items() if key != "record"}
        return cls(**fields, difference=Difference.from_json(document["record"]))


@dataclass(frozen=True)
class Observed:
    """One run of a bench over consecutive frames.

    Attributes
    ----------
    cycles : simulated.
    first_input : cycle at which the first beat was taken.
    deadlocked : whether nothing moved any more before all frames were through.
    wrong_lasts : beats at the output whose ``last`` was wrong.
    error_short, error_long : the network's flags at the end.
    probes : as `probed_streams` orders them.
    """

    cycles: int
    first_input: int
    deadlocked: bool
    wrong_lasts: int
    error_short: bool
    error_long: bool
    probes: tuple[ObservedStream, ...]

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Observed":
        """From what a bench wrote."""
        probes = tuple(ObservedStream.from_json(probe) for probe in document["probes"])
        return cls(**document | {"probes": probes})

    @property
    def latency(self) -> int:
        """Cycles from the first beat in to the last beat of the first frame out."""
        return self.probes[-1].first - self.first_input


def require_progress(observed: Observed, manifest: Manifest, frames: int) -> None:
    """Raises `SlipstickError` if the circuit stood still, naming where."""
    if not observed.deadlocked:
        return
    streams = zip(probed_streams(manifest), observed.probes, strict=True)
    waiting = [
        f"'{stream.tensor}' at frame {seen.frame}, beat {seen.beat} of {stream.beats_per_frame}"
        for stream, seen in streams
        if seen.frame < frames
    ]
    shown = "; ".join(waiting[:4]) + ("; ..." if len(waiting) > 4 else "")
    raise SlipstickError(
        f"Circuit '{manifest.top}'",
        f"stands still after {observed.cycles} cycles (streams that wait: {shown})",
        "this is a bug of ours: please report it with the build folder",
    )


def locate(stream: StreamRecord, difference: Difference, first_frame: int) -> Mismatch:
    """The first wrong lane of a wrong beat, by channel, row and column."""
    lane = _first_wrong_lane(stream, difference)
    channel = stream.layout.beats[difference.beat % len(stream.beats)][lane]
    row, column = divmod(difference.beat // len(stream.beats), stream.shape[2])
    return Mismatch(
        frame=first_frame + difference.frame,
        channel=channel if channel >= 0 else None,
        row=row,
        column=column,
        expected=_lane_value(stream, difference.expected, lane),
        got=_lane_value(stream, difference.got, lane),
    )


def _first_wrong_lane(stream: StreamRecord, difference: Difference) -> int:
    if difference.got is None or difference.expected is None:
        return 0
    wrong = difference.got ^ difference.expected
    lowest = (wrong & -wrong).bit_length() - 1
    return min(lowest // stream.width, stream.layout.lanes - 1)


def _lane_value(stream: StreamRecord, beat: int | None, lane: int) -> int | None:
    if beat is None:
        return None
    value = (beat >> (lane * stream.width)) & ((1 << stream.width) - 1)
    negative = stream.signed and value >> (stream.width - 1)
    return value - (1 << stream.width) if negative else value
