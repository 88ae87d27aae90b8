"""What the core counts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunCounters:
    """Of one batch, or the sum of several; the registers' names say what."""

    frames_read: int
    frames_written: int
    cycles: int
    read_bursts: int
    read_beats: int
    read_stalls: int
    write_bursts: int
    write_beats: int
    write_stalls: int
    saturations: int


@dataclass(frozen=True)
class StageCounters:
    """Of one stage; exact when no batch is running."""

    name: str
    beats: int
    stalls: int
    saturated: int
