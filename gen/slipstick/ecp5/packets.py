"""Packets as the host makes and reads them; `slipstick.rtl_templates.uart.packet` says of what."""

import zlib
from dataclasses import dataclass

from slipstick.rtl_templates.uart.packet import (
    ANSWER,
    CHECKSUM_BYTES,
    FRAME,
    HASH_BYTES,
    Status,
)

ANSWER_HEAD_BYTES = 3 + HASH_BYTES


@dataclass(frozen=True)
class Answer:
    """What the board said.

    Attributes
    ----------
    sequence : number of the frame.
    status : how it fared.
    graph_hash : the first bytes of that of the network on the board.
    result : bytes; none unless the status is `Status.OK`.
    """

    sequence: int
    status: Status
    graph_hash: bytes
    result: bytes


def frame_packet(sequence: int, frame: bytes) -> bytes:
    """The packet that brings ``frame`` to the board."""
    return _checked(bytes([FRAME, sequence]) + frame)


def answer_packet(answer: Answer) -> bytes:
    """The packet in which the board says ``answer``."""
    head = bytes([ANSWER, answer.sequence, answer.status]) + answer.graph_hash
    return _checked(head + answer.result)


def answer_tail_bytes(head: bytes, result_bytes: int) -> int:
    """Bytes of an answer behind ``head``, its first `ANSWER_HEAD_BYTES`."""
    return CHECKSUM_BYTES + (result_bytes if head[2] == Status.OK else 0)


def read_answer(packet: bytes) -> Answer | None:
    """What ``packet`` says; None if it is damaged."""
    body = packet[:-CHECKSUM_BYTES]
    if len(body) < ANSWER_HEAD_BYTES or _checked(body) != packet:
        return None
    if body[0] != ANSWER or body[2] not in set(Status):
        return None
    head, result = body[:ANSWER_HEAD_BYTES], body[ANSWER_HEAD_BYTES:]
    return Answer(head[1], Status(head[2]), head[3:], result)


def _checked(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")
