"""Results of long runs, kept by all that went into them.

What is written out, Verilog and commands, decides what a tool answers; so an interrupted benchmark
goes on where it stopped, and after a change only what changed is run again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "bench"


class UnmeasuredError(Exception):
    """Why a design has no figures."""


def kept(
    parts: Iterable[bytes], find: Callable[[], dict[str, Any]], may_find: bool
) -> dict[str, Any]:
    """The result of ``find()``, or what it was when ``parts`` were the same.

    Raises `UnmeasuredError` where there was none and it may not be found now.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} ".encode() + part)
    file = FOLDER / f"{digest.hexdigest()[:32]}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    if not may_find:
        raise UnmeasuredError("not measured")
    result = find()
    FOLDER.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(result), encoding="utf-8")
    unfinished.rename(file)
    return result
