"""The host's end of a serial line to simulated hardware; it looks like pyserial's ``Serial``."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

DIVISOR = 8
"""Cycles a bit."""
TIMEOUT = 200
"""Cycles of silence; two bytes and a half."""
CYCLE = 1e-6

FRAMING_ERROR = 0x100
"""Added to a byte: sent without its stop bit."""

Bytes = list[int]


class Port(ABC):
    """What the two kinds of simulation share.

    Parameters
    ----------
    silence : seconds that are `TIMEOUT` cycles: the simulated clock is as slow as that.
    to_board, to_host : what becomes of bytes on their way; they may be changed, lost, added.

    Attributes
    ----------
    now : cycles that have passed.
    """

    def __init__(
        self,
        silence: float,
        to_board: Callable[[Bytes], Bytes] = list,
        to_host: Callable[[Bytes], Bytes] = list,
    ) -> None:
        self.timeout: float | None = None
        self.now = 0
        self._to_board, self._to_host = to_board, to_host
        self._cycles_a_second = TIMEOUT / silence
        self._unread: deque[int] = deque()

    def write(self, data: bytes) -> int:
        """Queues ``data``; it goes out while the host reads."""
        self.send(self._to_board(list(data)))
        return len(data)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer if ``timeout`` seconds pass."""
        assert self.timeout is not None
        end = self.now + int(self.timeout * self._cycles_a_second)
        while len(self._unread) < size and self.now < end:
            if self.sending:
                # As long as bytes leave the host, its patience has not begun.
                end += DIVISOR
            self.now += DIVISOR
            self._unread.extend(self._to_host(self.run(DIVISOR)))
        return bytes(self._unread.popleft() for _ in range(min(size, len(self._unread))))

    @property
    @abstractmethod
    def sending(self) -> bool:
        """Whether bytes wait to be sent."""

    @abstractmethod
    def send(self, raw: Iterable[int]) -> None:
        """Queues bytes as they shall be on the line, some with `FRAMING_ERROR`."""

    @abstractmethod
    def run(self, cycles: int) -> Bytes:
        """Lets time pass; returns what came."""


class SimulatedPort(Port):
    """To a component with ``rx`` and ``tx`` in Amaranth's simulator."""

    def __init__(self, system: wiring.Component, silence: float, **options: Any) -> None:
        super().__init__(silence, **options)
        self._system = system
        self._to_send: deque[int] = deque()
        self._came: Bytes = []
        m = Module()
        m.submodules.system = system
        self._simulator = Simulator(m)
        self._simulator.add_clock(CYCLE)
        self._simulator.add_testbench(self._send, background=True)
        self._simulator.add_testbench(self._receive, background=True)

    @property
    def sending(self) -> bool:
        return bool(self._to_send)

    def send(self, raw: Iterable[int]) -> None:
        self._to_send.extend(raw)

    def run(self, cycles: int) -> Bytes:
        self._simulator.run_until(self.now * CYCLE)
        came, self._came = self._came, []
        return came

    async def _send(self, ctx: Any) -> None:
        while True:
            if not self._to_send:
                await ctx.delay(DIVISOR * CYCLE)
                continue
            byte = self._to_send.popleft()
            stop = 0 if byte & FRAMING_ERROR else 1
            for bit in (0, *(byte >> place & 1 for place in range(8)), stop):
                ctx.set(self._system.rx, bit)
                await ctx.delay(DIVISOR * CYCLE)
            ctx.set(self._system.rx, 1)

    async def _receive(self, ctx: Any) -> None:
        while True:
            await ctx.negedge(self._system.tx)
            await ctx.delay(DIVISOR * CYCLE / 2)
            byte = 0
            for place in range(8):
                await ctx.delay(DIVISOR * CYCLE)
                byte |= ctx.get(self._system.tx) << place
            await ctx.delay(DIVISOR * CYCLE)
            assert ctx.get(self._system.tx), "the board must send stop bits"
            self._came.append(byte)
