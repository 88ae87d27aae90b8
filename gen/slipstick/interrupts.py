"""Ctrl-C that is heard wherever it comes."""

import signal
from types import FrameType

AGAIN_SECONDS = 0.01


def hear_interrupts() -> None:
    """Makes every SIGINT of this process a KeyboardInterrupt, unless SIGINT is ignored.

    Python drops an exception that is raised in a finaliser, and thousands of finalisers run
    when a circuit is given up; there the exception waits a moment.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGALRM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
            return
        frame = frame.f_back
    raise KeyboardInterrupt
