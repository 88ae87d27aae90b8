"""What the commands say: results on stdout, progress, warnings and errors on stderr."""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from slipstick.errors import SlipstickError

PIPE_WIDTH = 120
"""Columns of a table that goes into a file or a pipe."""


def present(
    result: Mapping[str, Any], table: Callable[[Any], RenderableType], as_json: bool
) -> None:
    """Prints ``result`` on stdout, as one JSON object or drawn by ``table``."""
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(table(result))


def complain(error: SlipstickError, as_json: bool) -> None:
    """Prints ``error`` as one line on stderr, and as an object on stdout if ``as_json``."""
    sys.stderr.write(f"error: {_one_line(str(error))}\n")
    if as_json:
        fields = {"thing": error.thing, "cause": error.cause, "fix": error.fix}
        # Where stdout itself is what fails, the line on stderr must do.
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": fields}) + "\n")


class Task:
    """A running progress bar, told how far the work is in either of two ways."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar = bar
        self._number = bar.add_task(title, total=None, part="")

    def share(self, part: str, done: float) -> None:
        """``done`` of 1.0 is done, and ``part`` is at hand."""
        self._bar.update(self._number, completed=done, total=1.0, part=part)

    def note(self, text: RenderableType) -> None:
        """Shows ``text`` on stderr, above the bar."""
        self._bar.console.print(text)

    def count(self, done: int, total: int, part: str) -> None:
        """``done`` parts of ``total`` are done, the last was ``part``."""
        self._bar.update(self._number, completed=done, total=total, part=part)


@contextmanager
def task(title: str) -> Iterator[Task]:
    """Shows a progress bar on stderr while its body works, and keeps stdout for the result."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[part]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with _stdout_to_stderr(), bar:
        yield Task(bar, title)


@contextmanager
def warnings_shown() -> Iterator[list[str]]:
    """Turns Python's warnings into lines on stderr; yields the list that collects them."""
    seen: list[str] = []

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        seen.append(_one_line(str(message)))
        sys.stderr.write(f"warning: {seen[-1]}\n")

    with warnings.catch_warnings():
        # Notices for the programmers of a library mean nothing to its user.
        warnings.simplefilter("ignore")
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("default", category)
        warnings.showwarning = show
        yield seen


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Sends what Python, native libraries and child processes print on stdout to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _one_line(text: str) -> str:
    return " ".join(text.split())
