"""Compares one stream with the golden model inside the cocotb bench.

The counterpart of ``harness/probe.h``; both write the same JSON.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

WORD_BITS = 32


def as_numbers(words: np.ndarray) -> list[list[int]]:
    """Beats ``(N, beats, words)`` as one integer a beat, word 0 lowest."""
    if words.shape[2] == 1:
        return words[:, :, 0].tolist()
    return [[int.from_bytes(beat.tobytes(), "little") for beat in frame] for frame in words]


class Monitor:
    """Watches one stream.

    Parameters
    ----------
    probe : ``beats`` a frame, ``words``, ``lanes`` and ``width`` of a beat.
    handle : of the port that holds the last beat.
    golden : the golden frames.
    expected : which of them each frame must equal; None: any values will do.
    """

    def __init__(
        self,
        probe: dict[str, int],
        handle: Any,
        golden: Sequence[Sequence[int]],
        expected: Sequence[int | None],
    ) -> None:
        self._probe = probe
        self._handle = handle
        self._golden = golden
        self._expected = expected
        self._record: dict[str, Any] | None = None
        self._beat = self._frame = self._mismatches = self._surplus = 0
        self._ends: list[int] = []
        self._seen: list[int] = []

    @property
    def done(self) -> bool:
        """Whether every expected frame is through."""
        return self._frame == len(self._expected)

    @property
    def at_last_beat(self) -> bool:
        """Whether the next beat is the last of its frame."""
        return self._beat == self._probe["beats"] - 1

    def observe(self, cycle: int) -> bool:
        """A beat has passed at ``cycle``; True if it completes a frame."""
        value = self._handle.value
        got = int(value) if value.is_resolvable else None
        if self.done:
            if not self._surplus and self._record is None:
                self._note(got, None)
            self._surplus += 1
            return False
        self._compare(got)
        self._seen.append(got or 0)
        if not self.at_last_beat:
            self._beat += 1
            return False
        self._ends.append(cycle)
        self._beat = 0
        self._frame += 1
        return True

    def _compare(self, got: int | None) -> None:
        number = self._expected[self._frame]
        if number is None:
            return
        expected = self._golden[number][self._beat]
        if got != expected:
            if self._record is None:
                self._note(got, expected)
            self._mismatches += self._wrong_lanes(got, expected)

    def _wrong_lanes(self, got: int | None, expected: int) -> int:
        lanes, width = self._probe["lanes"], self._probe["width"]
        if got is None:
            return lanes
        wrong, mask = got ^ expected, (1 << width) - 1
        return sum(bool(wrong >> (lane * width) & mask) for lane in range(lanes))

    def _note(self, got: int | None, expected: int | None) -> None:
        self._record = {
            "frame": self._frame,
            "beat": self._beat,
            "got": None if got is None else f"{got:x}",
            "expected": None if expected is None else f"{expected:x}",
        }

    def output(self) -> np.ndarray:
        """The frames that passed, uint32 ``(N, beats, words)``."""
        words = self._probe["words"]
        beats = b"".join(value.to_bytes(words * WORD_BITS // 8, "little") for value in self._seen)
        whole = self._frame * self._probe["beats"] * words
        return np.frombuffer(beats, np.uint32)[:whole].reshape(
            self._frame, self._probe["beats"], words
        )

    def to_json(self, broken: bool) -> dict[str, Any]:
        """What was seen, as the C++ harness prints it."""
        ends = self._ends or [0]
        return {
            "mismatches": self._mismatches,
            "surplus": self._surplus,
            "broken": broken,
            "frame": self._frame,
            "beat": self._beat,
            "first": ends[0],
            "middle": ends[(len(ends) - 1) // 2],
            "last": ends[-1],
            "record": self._record,
        }
