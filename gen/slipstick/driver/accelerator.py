"""Runs frames on an accelerator, as ``firmware/slipstick.c`` does."""

import numpy as np

from slipstick.driver.core import WORD, Core
from slipstick.driver.counters import RunCounters, StageCounters
from slipstick.driver.grid import from_bytes, to_bytes
from slipstick.driver.model import Model
from slipstick.driver.status import DriverError, Status
from slipstick.driver.transport import Transport

RESET_SECONDS = 0.01
LOST_INTERRUPT_SECONDS = 0.005
MEMORY_PATIENCE = 1 << 20
"""Cycles without progress that memory may take, beside those in which the core computes."""


class Accelerator:
    """A core that was built from ``model``.

    Parameters
    ----------
    frames : that the buffers hold, the most of one batch.

    Attributes
    ----------
    watchdog : bus clock cycles without progress that end a batch; 0: none do.
    saturation_limit : saturated beats that a batch may have; all ones: any number.

    Raises `DriverError` if the core is another one.
    """

    def __init__(self, transport: Transport, model: Model, frames: int = 1) -> None:
        if frames < 1:
            raise ValueError(f"Frames must be a positive integer, not {frames!r}")
        self.model, self.frames = model, frames
        self.watchdog = min(4 * model.interval * len(model.stages) + MEMORY_PATIENCE, WORD)
        self.saturation_limit = WORD
        self._transport, self._core = transport, Core(transport, model)
        self._batch, self._started = 0, False
        self._core.check_identity()
        self.reset()
        self._source = transport.buffer(frames * model.frame.bytes)
        self._destination = transport.buffer(frames * model.result.bytes)
        for buffer in (self._source, self._destination):
            if buffer.address + len(buffer.array) > 1 << 32:
                raise self._core.error(Status.UNREACHABLE)

    def load(self, images: np.ndarray) -> None:
        """Puts ``images``, integers ``(N, C, H, W)`` on the input's grid, into the buffer.

        Raises `ValueError` for images that the network cannot take.
        """
        frame = self.model.frame
        if images.shape[1:] != frame.shape or images.dtype.kind not in "iu":
            raise ValueError(
                f"Images must be integers of shape (N, {', '.join(map(str, frame.shape))}), "
                f"not {images.dtype} of shape {images.shape}"
            )
        self._check_room(len(images))
        self._put(to_bytes(frame, images))

    def _put(self, data: bytes) -> None:
        self._source.array[: len(data)] = np.frombuffer(data, np.uint8)
        self._source.flush()

    def start(self, frames: int) -> None:
        """Starts a batch of the first ``frames`` frames."""
        if frames < 1:
            raise self._core.error(Status.NO_FRAMES)
        self._check_room(frames)
        self._check_idle()
        self._batch = frames
        # A line that the processor has written and would write back later, over a result.
        self._destination.flush()
        for name, value in self._settings().items():
            self._core[name] = value
        self._core.command("start")
        self._started = True

    def _settings(self) -> dict[str, int]:
        frame, result = self.model.frame.bytes, self.model.result.bytes
        return {
            "LENGTH": frame,
            "SOURCE": self._source.address,
            "DESTINATION": self._destination.address,
            "FRAMES": self._batch,
            "SOURCE_STRIDE": frame,
            "DESTINATION_STRIDE": result,
            "WATCHDOG": self.watchdog,
            "SATURATION_LIMIT": self.saturation_limit,
            "ERRORS": self._core.mask("ERRORS"),
            "IRQ_STATUS": self._core.mask("IRQ_STATUS"),
            "IRQ_ENABLE": self._core.mask("IRQ_ENABLE"),
        }

    def poll(self) -> bool:
        """Whether all results are in memory; raises `DriverError` if the batch went wrong."""
        if not self._started:
            raise self._core.error(Status.NOT_STARTED)
        status, errors = self._core["STATUS"], self._core["ERRORS"]

        def shows(name: str) -> bool:
            return bool(status & self._core.mask("STATUS", name))

        if shows("done"):
            return self._finish(errors if shows("failed") else None)
        if shows("busy"):
            # The core waits for memory itself and recovers if it answers: the batch is not over.
            if shows("bus_busy") and errors & self._core.mask("ERRORS", "watchdog"):
                raise self._core.error(Status.HUNG, errors)
            return False
        # A start that the core refused leaves no flag but its cause.
        return self._finish(errors) if errors else False

    def _finish(self, errors: int | None) -> bool:
        """The batch has ended: what it wrote becomes visible, and the interrupt line falls."""
        self._started = False
        self._destination.invalidate()
        self._core["IRQ_STATUS"] = self._core.mask("IRQ_STATUS")
        if errors is not None:
            raise self._core.error(Status.FAILED, errors)
        return True

    def wait(self, seconds: float) -> None:
        """Returns when all results are in memory.

        An interrupt that is lost costs a few milliseconds. Raises `DriverError` if the batch went
        wrong or does not end in time.
        """
        begin = self._transport.seconds()
        while True:
            waited = self._transport.seconds() - begin
            # Cleared before the status is read: what happens in between raises the line again.
            self._core["IRQ_STATUS"] = self._core.mask("IRQ_STATUS")
            if self.poll():
                return
            if waited >= seconds:
                raise self._core.error(Status.TIMEOUT)
            self._transport.wait_interrupt(min(seconds - waited, LOST_INTERRUPT_SECONDS))

    def results(self, frames: int) -> np.ndarray:
        """The first ``frames`` results, int64 ``(N, C, H, W)``, channels in order."""
        self._check_room(frames)
        if self._started:
            raise self._core.error(Status.BUSY)
        data = self._destination.array[: frames * self.model.result.bytes].tobytes()
        return from_bytes(self.model.result, data, self.model.order)

    def infer(self, images: np.ndarray, seconds: float = 10.0) -> np.ndarray:
        """The results of ``images``, int64 ``(N, C, H, W)``, in as many batches as are needed.

        ``seconds`` are for each batch; one that takes longer is ended.
        """
        if not len(images):
            raise self._core.error(Status.NO_FRAMES)
        parts = []
        for first in range(0, len(images), self.frames):
            batch = images[first : first + self.frames]
            self._check_idle()
            self.load(batch)
            self._run(len(batch), seconds)
            parts.append(self.results(len(batch)))
        return np.concatenate(parts)

    def _run(self, frames: int, seconds: float) -> None:
        self.start(frames)
        try:
            self.wait(seconds)
        except DriverError as error:
            # A batch that does not end must not go on writing into the buffers.
            if error.status in (Status.TIMEOUT, Status.HUNG):
                self._end_by("soft_reset")
            raise

    def classes(self, results: np.ndarray) -> np.ndarray:
        """The class that each result names: the largest value, the lowest index of equal ones."""
        if not self.model.classes:
            raise self._core.error(Status.NO_CLASS)
        values = results.reshape(len(results), -1)
        return values[:, 0] if self.model.ends_in_class else values.argmax(axis=1)

    def selftest(self, seconds: float = 10.0) -> None:
        """Runs the model's own frame and compares every bit of the result."""
        self._check_idle()
        expected = np.frombuffer(bytes.fromhex(self.model.selftest_result), np.uint8)
        found = self._destination.array[: len(expected)]
        # What an earlier run left must not pass for the result.
        found[:] = ~expected
        self._put(bytes.fromhex(self.model.selftest_frame))
        self._run(1, seconds)
        if (found != expected).any():
            raise self._core.error(Status.WRONG_RESULT)

    def reset(self) -> None:
        """Ends any batch and clears all flags."""
        if not self._end_by("soft_reset"):
            raise self._core.error(Status.HUNG)

    def abandon(self) -> None:
        """Makes the core forget what memory will never answer, and resets it.

        Only after the interconnect was reset.
        """
        # The core heeds it where it waits for memory, as at the end of a batch.
        self._core.command("soft_reset")
        if not self._end_by("abandon"):
            raise self._core.error(Status.HUNG)

    def _end_by(self, command: str) -> bool:
        """Gives a command that ends any batch; whether nothing is going on any more in time."""
        self._started = False
        self._core.command(command)
        begin = self._transport.seconds()
        while True:
            late = self._transport.seconds() - begin >= RESET_SECONDS
            if not self._core.shows("STATUS", "busy", "resetting"):
                return True
            if late:
                return False

    def counters(self) -> RunCounters:
        """Of the batch that runs, or the last one."""
        return self._core.run_counters()

    def stage_counters(self) -> tuple[StageCounters, ...]:
        """Of each stage, in the network's order; exact when no batch is running."""
        return self._core.stage_counters()

    def _check_room(self, frames: int) -> None:
        if frames > self.frames:
            raise self._core.error(Status.NO_ROOM)

    def _check_idle(self) -> None:
        if self._core.shows("STATUS", "busy", "resetting"):
            raise self._core.error(Status.BUSY)
