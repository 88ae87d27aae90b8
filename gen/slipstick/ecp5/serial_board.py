"""Classifies on a board behind a serial port."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from slipstick.build_folder import Manifest, read_manifest
from slipstick.driver import frame_bytes, results
from slipstick.ecp5.packets import (
    ANSWER_HEAD_BYTES,
    Answer,
    answer_tail_bytes,
    frame_packet,
    read_answer,
)
from slipstick.ecp5.sources import BAUD, SILENCE_SECONDS
from slipstick.errors import SlipstickError
from slipstick.rtl_templates.uart.packet import HASH_BYTES, WINDOW, Status

ANSWER_SECONDS = 2.0
ATTEMPTS = 4
DRAIN_BYTES = 4096
MOST_DRAINS = 16


class Port(Protocol):
    """What is used of a ``serial.Serial``."""

    timeout: float | None

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer if ``timeout`` seconds pass."""

    def write(self, data: bytes) -> int | None:
        """Sends ``data``."""


def open_board(folder: Path, device: str) -> "SerialBoard":
    """The board at serial port ``device``, loaded with what `build_ecp5` made of build ``folder``.

    Raises `SlipstickError` if the port cannot be opened, or pyserial is missing.
    """
    try:
        import serial
    except ImportError as error:
        raise SlipstickError(
            "Package 'pyserial'", "is not installed", "pip install pyserial"
        ) from error
    try:
        port = serial.Serial(device, BAUD)
    except (OSError, ValueError) as error:
        raise SlipstickError(
            f"Serial port '{device}'", f"cannot be opened ({error})", "connect the board"
        ) from error
    return SerialBoard(port, read_manifest(folder))


class SerialBoard:
    """A network on a board. What was damaged on its way is sent again: a result is right, or an
    error is raised.

    Parameters
    ----------
    port : to the board.
    manifest : of the network that should be there.

    Attributes
    ----------
    resent : how many times everything unanswered was sent again.
    """

    def __init__(self, port: Port, manifest: Manifest) -> None:
        self._port, self._manifest = port, manifest
        self._sequence = 0
        self.resent = 0
        self._drain()

    def run(self, images: np.ndarray) -> np.ndarray:
        """Results, int64 ``(N, C, H, W)``, of integers ``(N, C, H, W)`` on the input's grid.

        Raises `SlipstickError` if the board does not answer, or holds another network.
        """
        size = self._manifest.input.frame_bytes
        data = frame_bytes(self._manifest, images)
        frames = [data[start : start + size] for start in range(0, len(data), size)]
        return results(self._manifest, b"".join(self._exchange(frames)))

    def _exchange(self, frames: Sequence[bytes]) -> list[bytes]:
        """Sends frames, up to `WINDOW` ahead of the answers, until each has its result."""
        done: list[bytes] = []
        waiting: deque[int] = deque()
        failures = 0
        while len(done) < len(frames):
            while len(waiting) < WINDOW and len(done) + len(waiting) < len(frames):
                waiting.append(self._send(frames[len(done) + len(waiting)]))
            answer = self._receive()
            if answer and answer.status is Status.OK and answer.sequence not in waiting:
                # To a frame that has been sent again since.
                continue
            if answer and answer.status is Status.OK and answer.sequence == waiting[0]:
                waiting.popleft()
                done.append(answer.result)
                failures = 0
                continue
            failures += 1
            if failures == ATTEMPTS:
                raise _failure(answer)
            if answer is None or answer.status is Status.OK:
                self._drain()
            waiting.clear()
            self.resent += 1
        return done

    def _send(self, frame: bytes) -> int:
        """Sends ``frame`` under a number that no answer still on its way has."""
        self._sequence = (self._sequence + 1) % 256
        self._port.write(frame_packet(self._sequence, frame))
        return self._sequence

    def _receive(self) -> Answer | None:
        """The next answer; None if none comes, or a damaged one.

        Raises `SlipstickError` if it comes from another network.
        """
        self._port.timeout = ANSWER_SECONDS
        head = self._port.read(ANSWER_HEAD_BYTES)
        if len(head) < ANSWER_HEAD_BYTES:
            return None
        tail = answer_tail_bytes(head, self._manifest.output.frame_bytes)
        answer = read_answer(head + self._port.read(tail))
        if answer and answer.graph_hash != self._manifest.graph_hash[:HASH_BYTES]:
            raise SlipstickError(
                "Board", "holds another network", "load the bitstream of this build folder"
            )
        return answer

    def _drain(self) -> None:
        """Waits until both sides have been silent for so long that the next byte starts anew."""
        self._port.timeout = 2 * SILENCE_SECONDS
        for _ in range(MOST_DRAINS):
            if not self._port.read(DRAIN_BYTES):
                return
        raise SlipstickError("Board", "never stops sending", "choose the port it is connected to")


def _failure(answer: Answer | None) -> SlipstickError:
    cause = "does not answer, or what it answers is damaged"
    if answer and answer.status is not Status.OK:
        cause = f"refuses every frame ({answer.status.name.lower().replace('_', ' ')})"
    return SlipstickError("Board", cause, "check the cable, and that this build is loaded")
