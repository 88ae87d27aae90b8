"""What the names in a pickle stand for, and which names may not stand in one.

Nothing is ever imported or called by name. A name either has a builder here, or is the inert name
of a class, whose objects become `Record`; all that belongs to Python, numpy or torch and is not
listed is refused.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slipstick.importers import arrays, tensors
from slipstick.importers.values import Array, DType, Global, Record, damaged, forbidden

Builder = Callable[..., Any]

_PYTHON = frozenset(
    "__builtin__ commands copy_reg cPickle exceptions new os2 popen2 sets urllib2 user".split()
)
"""Modules that only Python 2 has."""
_MACHINERY = sys.stdlib_module_names | _PYTHON | {"numpy", "torch"}
_RECORDS = re.compile(
    r"torch\.(nn|optim)\..*|torch\.(cuda\.)?\w+Storage|torch\.(b?float|u?int)\d+|torch\.\w*Tensor"
    r"|torch\.(bool|half|double|float|long|int|short)|argparse\.Namespace|numpy\.ndarray"
    r"|(__builtin__|builtins)\.(object|dict|list|tuple|set|int|long|float|bool|str|unicode|bytes)"
)
"""Names of Python, numpy and torch that may stand in a file and are never called."""


def check_name(module: Any, name: Any) -> Global:
    """The name of a class or function; refuses names that could only be there to be called."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise damaged("a name is no text")
    found = Global(module, name)
    is_ours = module.partition(".")[0] not in _MACHINERY
    if not is_ours and str(found) not in _BUILDERS and not _RECORDS.fullmatch(str(found)):
        raise forbidden(str(found))
    return found


def construct(function: Any, arguments: Any) -> Any:
    """What a call of ``function`` would give, if it is one of those that are known."""
    if not isinstance(function, Global):
        raise forbidden(f"a {type(function).__name__}")
    if str(function) not in _BUILDERS:
        raise forbidden(str(function))
    if not isinstance(arguments, tuple):
        raise damaged("arguments are no tuple")
    return _BUILDERS[str(function)](*arguments)


def instance(kind: Any, arguments: tuple[Any, ...]) -> Any:
    """A new object of the class ``kind``."""
    if not isinstance(kind, Global):
        raise damaged("an object has no class")
    return construct(kind, arguments) if str(kind) in _BUILDERS else Record(kind)


def build(target: Any, state: Any) -> None:
    """Gives an object its pickled state."""
    if isinstance(target, Record):
        _set_fields(target, state)
    elif isinstance(target, Array):
        arrays.set_array(target, state)
    elif isinstance(target, DType):
        arrays.set_dtype(target, state)
    # State dicts carry versions, and parameters of old files flags for training.
    elif not isinstance(target, dict | tensors.Tensor):
        raise damaged("it gives a state to what has none")


def _set_fields(target: Record, state: Any) -> None:
    """The attributes of an object, and beside them perhaps those in slots."""
    for fields in state[:2] if isinstance(state, tuple) else (state,):
        if isinstance(fields, dict):
            target.fields.update(fields)


def _dict(items: Any = (), *_: Any) -> dict[Any, Any]:
    """``OrderedDict(items)``; keys were checked where ``items`` is a dict."""
    if isinstance(items, dict):
        return dict(items)
    pairs = list(items) if isinstance(items, list | tuple) else []
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise damaged("a dict is none")
    if not all(isinstance(key, str | int) for key, _ in pairs):
        raise damaged("a key is no text")
    return dict(pairs)


def _default_dict(*_: Any) -> dict[Any, Any]:
    """``defaultdict(factory)``, filled later."""
    return {}


def _set(items: Any = (), *_: Any) -> set[Any]:
    if not isinstance(items, list | tuple) or not all(isinstance(i, str | int) for i in items):
        raise damaged("a set is none")
    return set(items)


def _encode(text: Any, coding: Any = "latin1", *_: Any) -> bytes:
    """``_codecs.encode``: how protocol 2 writes bytes."""
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise damaged("bytes are no text")
    return text.encode("latin-1")


def _bytes(*arguments: Any) -> bytes:
    """``bytes()``: how protocol 2 writes no bytes."""
    if arguments:
        raise damaged("bytes are no text")
    return b""


def _tuple(items: Any = (), *_: Any) -> tuple[Any, ...]:
    """``torch.Size(items)``."""
    if not isinstance(items, list | tuple):
        raise damaged("a size is none")
    return tuple(items)


def _device(*arguments: Any) -> tuple[Any, ...]:
    """``torch.device``, which no tensor needs here."""
    return arguments


def _old_record(kind: Any, *_: Any) -> Any:
    """``copy_reg._reconstructor(class, object, None)``: an object before protocol 2."""
    return instance(kind, ())


def _backend(*_: Any) -> Record:
    """An attribute of every module of torch before 1.2."""
    return Record(Global("torch.nn.backends.thnn", "_get_thnn_function_backend"))


def _in(homes: Sequence[str], builders: Mapping[str, Builder]) -> dict[str, Builder]:
    """The builders under the names that they have in each of several modules."""
    return {f"{home}.{name}": builders[name] for home in homes for name in builders}


_NUMPY: dict[str, Builder] = {
    "multiarray._reconstruct": arrays.reconstruct,
    "multiarray.scalar": arrays.scalar,
    "numeric._frombuffer": arrays.from_buffer,
}

_BUILDERS: dict[str, Builder] = {
    "torch._utils._rebuild_tensor": tensors.rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": tensors.rebuild_tensor,
    "torch._utils._rebuild_parameter": tensors.rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": tensors.rebuild_parameter,
    "torch.nn.parameter.Parameter": tensors.rebuild_parameter,
    "torch.autograd.variable.Variable": tensors.rebuild_parameter,
    "torch.Size": _tuple,
    "torch.device": _device,
    "torch.nn.backends.thnn._get_thnn_function_backend": _backend,
    "numpy.dtype": arrays.dtype,
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,
    "collections.defaultdict": _default_dict,
    "_codecs.encode": _encode,
    "copy_reg._reconstructor": _old_record,
    "copyreg._reconstructor": _old_record,
    **_in(("__builtin__", "builtins"), {"set": _set, "frozenset": _set, "bytes": _bytes}),
    # numpy 2 moved its insides.
    **_in(("numpy.core", "numpy._core"), _NUMPY),
}
"""What is built where a call stands in the file."""
