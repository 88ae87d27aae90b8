"""Runs one step for a worker: ``python -m slipstick.explore.job STEP``, with a `Step` as JSON.

Exits with 0 when done, and with 2 and the error as JSON on stdout where the input is wrong.
"""

import _thread
import json
import os
import sys
import threading
from pathlib import Path

from slipstick.errors import SlipstickError
from slipstick.explore.steps import USER_ERROR, Step

INTERRUPTED = 130


def main() -> int:
    """Runs the step that the first argument describes."""
    result = os.dup(1)
    # Whatever libraries and tools print is a log.
    os.dup2(2, 1)
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    try:
        _run(Step(**json.loads(sys.argv[1])))
    except SlipstickError as error:
        fields = {"thing": error.thing, "cause": error.cause, "fix": error.fix}
        os.write(result, json.dumps(fields).encode())
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _end_with_the_worker() -> None:
    """Interrupts the step, which then ends its tools, once the worker is no more."""
    # Not through sys.stdin, whose lock would be held at the end.
    while os.read(0, 1):
        pass
    _thread.interrupt_main()


def _run(step: Step) -> None:
    folder = Path(step.folder)
    if step.name == "compile":
        _compile(step, folder)
    elif step.name == "synth":
        from slipstick.synth import synthesise

        synthesise(folder, jobs=1)
    else:
        from slipstick.sim import simulate

        simulate(folder, fast=True, **step.options)


def _compile(step: Step, folder: Path) -> None:
    import torch

    from slipstick.boards import board
    from slipstick.build import compile as compile_model
    from slipstick.config import Config

    torch.set_num_threads(1)
    options = dict(step.options)
    compile_model(
        options.pop("model"),
        output=folder,
        board=board(options.pop("board")),
        config=Config.model_validate(options.pop("config")),
        **options,
    )


if __name__ == "__main__":
    sys.exit(main())
