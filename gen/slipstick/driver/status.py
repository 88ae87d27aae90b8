"""What can go wrong on an accelerator, in the words of ``firmware/slipstick.h``."""

import enum

from slipstick.errors import SlipstickError


class Status(enum.Enum):
    """Why a call failed: what is wrong, and what to do."""

    NOT_STARTED = ("no batch was started", "call start first")
    NO_ROOM = ("the buffers hold fewer frames", "open the accelerator with more frames")
    NO_FRAMES = ("a batch of zero frames was asked for", "give at least one frame")
    NO_CLASS = ("the network does not name one class a frame", "use the results themselves")
    UNREACHABLE = (
        "the accelerator cannot address the buffer",
        "use memory below 4 GiB that it shares with the processor",
    )
    BUSY = ("a batch is still running", "wait for it, or reset the accelerator")
    WRONG_DEVICE = (
        "no Slipstick core answers at this address",
        "load the bitstream, and check the address",
    )
    WRONG_VERSION = (
        "its registers are of another major version",
        "build the bitstream and the model with the same Slipstick",
    )
    WRONG_NETWORK = (
        "it was built from another network",
        "use the model that was written with its bitstream",
    )
    WRONG_GEOMETRY = (
        "its sizes are not those of the network",
        "use the model that was written with its bitstream",
    )
    BUS_ERROR = ("a register access was answered with an error", "check the address")
    TIMEOUT = ("the batch did not end in time", "wait longer, or reset the accelerator")
    FAILED = ("the batch failed", "see the causes")
    HUNG = (
        "memory has stopped answering the core",
        "reset the interconnect, then call abandon",
    )
    WRONG_RESULT = (
        "the self-test's result is not the expected one",
        "check the clock and the power supply",
    )


class DriverError(SlipstickError):
    """A call that an accelerator did not fulfil.

    Parameters
    ----------
    name : of the network.
    status : why.
    causes : names of the bits of ``ERRORS`` that were set.
    """

    def __init__(self, name: str, status: Status, causes: tuple[str, ...] = ()) -> None:
        cause, fix = status.value
        super().__init__(f"Accelerator '{name}'", ", ".join((cause, *causes)), fix)
        self.status = status
        self.causes = causes
