"""Names of layers: the path of the torch module that computes them."""

import re
from collections import Counter
from collections.abc import Iterable

from torch import fx

from slipstick.frontend.call import PASSING, operator_name

INPUT = "input"
"""Name of the node through which images enter."""

_READABLE = {
    "_native_batch_norm_legit_no_training": "batch_norm",
    "max_pool2d_with_indices": "max_pool2d",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "hardtanh": "clamp",
    "cat": "concat",
}


def module_path(node: fx.Node) -> str:
    """Dotted path of the innermost module that made the call; empty for the model itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = str(stack[-1][0]) if stack else ""
    # A module called for the second time appears as 'relu@1'.
    return re.sub(r"@\d+", "", path)


def layer_names(calls: Iterable[fx.Node]) -> dict[fx.Node, str]:
    """A different name for every call, in order.

    A module that has no submodules and computes one thing gives its path; any other operator is
    named ``path.operator``.
    """
    calls = list(calls)
    paths = {call: module_path(call) for call in calls}
    computing = Counter(paths[call] for call in calls if call.target not in PASSING)
    parents = {path[: match.start()] for path in paths.values() for match in _dots(path)}
    names: dict[fx.Node, str] = {}
    taken = {INPUT}
    for call in calls:
        path = paths[call]
        alone = computing[path] == (call.target not in PASSING)
        own = bool(path) and path not in parents and (alone or _visits(call) > 0)
        wanted = path if own else ".".join(filter(None, [path, _short(call)]))
        names[call] = unique(wanted, taken)
        taken.add(names[call])
    return names


def unique(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, or ``wanted_1``, ``wanted_2`` ... where it is taken."""
    taken, name, number = set(taken), wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _dots(path: str) -> Iterable[re.Match[str]]:
    return re.finditer(r"\.", path)


def _visits(call: fx.Node) -> int:
    return 0


def _short(call: fx.Node) -> str:
    """``add`` of ``aten.add.Tensor``."""
    name = operator_name(call.target).split(".")[-2]
    return _READABLE.get(name, name)
