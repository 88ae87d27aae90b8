"""Names of layers: the path of the torch module that computes them."""

from collections import Counter
from collections.abc import Iterable

from torch import fx

from slipstick.frontend.call import PASSING, operator_name

INPUT = "input"
"""Name of the node through which images enter."""

_READABLE = {
    "_native_batch_norm_legit_no_training": "batch_norm",
    "_native_batch_norm_legit": "batch_norm",
    "_native_batch_norm_legit_functional": "batch_norm",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "max_pool2d_with_indices": "max_pool2d",
    "hardtanh": "clamp",
    "_unsafe_view": "flatten",
    "reshape": "flatten",
    "view": "flatten",
}


def layer_names(calls: Iterable[fx.Node]) -> dict[fx.Node, str]:
    """A different name for every call, in order.

    A module without submodules that computes one thing gives its path (``layer1.0.conv1``); any
    other operator is named ``path.operator`` (``layer1.0.add``).
    """
    visits = {call: _visit(call) for call in calls}
    computing = Counter(visit for call, visit in visits.items() if call.target not in PASSING)
    parents = {parent for _, path in visits.values() for parent in _parents(path)}
    names: dict[fx.Node, str] = {}
    taken = {INPUT}
    for call, visit in visits.items():
        path = visit[1]
        alone = computing[visit] == (call.target not in PASSING)
        own = path and path not in parents and alone
        wanted = path if own else ".".join(filter(None, [path, _short(call)]))
        names[call] = unique(wanted, taken)
        taken.add(names[call])
    return names


def unique(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, or ``wanted_1``, ``wanted_2`` ... where that is taken."""
    taken, name, number = set(taken), wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _visit(call: fx.Node) -> tuple[str, str]:
    """The innermost module's call, different each time it is called, and its path."""
    stack = (call.meta.get("nn_module_stack") or {}).items()
    visit, module = list(stack)[-1] if stack else ("", ("",))
    # Half a surrogate pair is a letter to torch, but cannot be written to a file.
    return visit, str(module[0]).encode("utf-8", "replace").decode("utf-8")


def _parents(path: str) -> Iterable[str]:
    return (path[:position] for position, letter in enumerate(path) if letter == ".")


def _short(call: fx.Node) -> str:
    """``add`` of ``aten.add_.Tensor``."""
    name = operator_name(call.target).split(".")[-2].removesuffix("_")
    return _READABLE.get(name, name)
