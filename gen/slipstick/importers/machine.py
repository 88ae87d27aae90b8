"""A pickle machine that builds tensors, arrays and containers and calls nothing else.

Python's own unpickler calls what the file names. This one holds names as text; whether a name may
stand in the file and what is built in its place is for `slipstick.importers.allowed` to say.
"""

import io
from collections.abc import Callable
from typing import Any

from slipstick.importers.allowed import build, check_name, construct, instance
from slipstick.importers.opcodes import operations
from slipstick.importers.tensors import Tensor
from slipstick.importers.values import Global, Record, UnreadableError, damaged

Persistent = Callable[[Any], Any]
"""Makes the value of a persistent id: in torch's files, a storage."""

_KEYS = (str, bytes, int, float, bool, type(None), Global, Record, Tensor)
"""Kinds of keys. Tuples nested in themselves would take forever to hash."""

MOST_COPIED = 1 << 31
"""Bytes that may be copied in building objects: one large value could be copied any often."""
_ENTRY = 64
"""Bytes of an entry of a container."""
_PARTS = 8
"""More arguments and parts of a state than any builder looks at."""


def load_pickle(file: io.BytesIO, persistent: Persistent | None = None) -> Any:
    """The value of the pickle at the position of ``file``, which then is behind it."""
    machine = _Machine(persistent)
    for name, argument in operations(file):
        if name == "STOP":
            return machine.pop()
        machine.do(name, argument)
    raise AssertionError("operations end with STOP")


class _Machine:
    """The stack, the positions of its marks, and the memo of one pickle."""

    def __init__(self, persistent: Persistent | None) -> None:
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def do(self, name: str, argument: Any) -> None:
        """Carries out one operation."""
        if name in _ARGUMENTS:
            self._stack.append(argument)
        elif name in _NEW:
            self._stack.append(_NEW[name]())
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in _NOTHING:
            raise damaged(f"operation {name} has no place in it")

    def pop(self) -> Any:
        """Takes the topmost value, which must be above the last mark."""
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise damaged("a value is missing")
        return self._stack.pop()

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._stack.append(value)

    def top(self) -> Any:
        """The topmost value, which stays."""
        self._stack.append(self.pop())
        return self._stack[-1]

    def mark(self, _: None) -> None:
        """Remembers where the values of a container begin."""
        self._marks.append(len(self._stack))

    def marked(self) -> list[Any]:
        """Takes what lies above the last mark, and the mark."""
        if not self._marks:
            raise damaged("a mark is missing")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def discard(self, _: None) -> None:
        """Drops the topmost value or mark."""
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self.pop()

    def remember(self, index: int | None) -> None:
        """Keeps the topmost value in the memo, at the next place if there is no index."""
        self._memo[len(self._memo) if index is None else index] = self.top()

    def recall(self, index: int) -> None:
        """Pushes what the memo holds."""
        if index not in self._memo:
            raise damaged(f"it recalls value {index}, which it does not have")
        self._stack.append(self._memo[index])

    def append(self, values: list[Any]) -> None:
        """Adds ``values`` to the list or set on top."""
        target = self.top()
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, set):
            target.update(_checked_keys(values))
        else:
            raise damaged("it adds to what is no list")

    def set_items(self, values: list[Any]) -> None:
        """Adds keys and values, in turn, to the dict on top."""
        target = self.top()
        if not isinstance(target, dict):
            raise damaged("it adds to what is no dict")
        target.update(_as_dict(values))

    def persist(self, _: None) -> None:
        """Replaces a persistent id by its value."""
        if self._persistent is None:
            raise damaged("it refers to storages that it does not have")
        self._stack.append(self._persistent(self.pop()))

    def reduce(self, _: None) -> None:
        """What would be a call of a function with a tuple of arguments."""
        arguments = self.pop()
        self._spend(arguments)
        self._stack.append(construct(self.pop(), arguments))

    def make(self, kind: Any, arguments: tuple[Any, ...]) -> None:
        """Pushes a new object of a class."""
        self._spend(arguments)
        self._stack.append(instance(kind, arguments))

    def build(self, _: None) -> None:
        """Gives the topmost object its state."""
        state = self.pop()
        self._spend(state)
        build(self.top(), state)

    def _spend(self, parts: Any) -> None:
        """Counts the bytes that building from ``parts`` may copy, before it does."""
        self._copied += _size(parts)
        if isinstance(parts, tuple):
            self._copied += sum(map(_size, parts[:_PARTS]))
        if self._copied > MOST_COPIED:
            raise UnreadableError(
                f"takes more than {MOST_COPIED >> 20} MiB to read", "give a file of one network"
            )


def _size(value: Any) -> int:
    """About how many bytes a copy of ``value`` takes, without what it refers to."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    return _ENTRY * len(value) if isinstance(value, list | tuple | dict | set | frozenset) else 0


def _checked_keys(keys: list[Any]) -> list[Any]:
    for key in keys:
        if not isinstance(key, _KEYS):
            raise damaged(f"a key is a {type(key).__name__}")
    return keys


def _as_dict(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise damaged("a key has no value")
    return dict(zip(_checked_keys(values[::2]), values[1::2], strict=True))


def _last(machine: _Machine, count: int) -> tuple[Any, ...]:
    """The ``count`` topmost values, in their order."""
    return tuple(machine.pop() for _ in range(count))[::-1]


def _by_stack(machine: _Machine, _: None) -> None:
    module, name = _last(machine, 2)
    machine.push(check_name(module, name))


def _discard_marked(machine: _Machine, _: None) -> None:
    machine.marked()


def _old_object(machine: _Machine, _: None) -> None:
    kind, *arguments = machine.marked() or [None]
    machine.make(kind, tuple(arguments))


def _instance(machine: _Machine, name: str) -> None:
    machine.make(check_name(*name.split(" ", 1)), tuple(machine.marked()))


def _new_object(machine: _Machine, _: None) -> None:
    kind, arguments = _last(machine, 2)
    machine.make(kind, _tuple(arguments))


def _new_object_with_names(machine: _Machine, _: None) -> None:
    kind, arguments, _names = _last(machine, 3)
    machine.make(kind, _tuple(arguments))


def _tuple(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise damaged("arguments are no tuple")
    return value


_ARGUMENTS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE "
    "BINUNICODE8".split()
)
"""Operations that push their argument."""

_NOTHING = frozenset(("PROTO", "FRAME"))
"""Operations for those who read in a hurry."""

_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
"""Operations that push a new value."""

_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.discard,
    "POP_MARK": _discard_marked,
    "DUP": lambda machine, _: machine.push(machine.top()),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "LIST": lambda machine, _: machine.push(machine.marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.push(_last(machine, 1)),
    "TUPLE2": lambda machine, _: machine.push(_last(machine, 2)),
    "TUPLE3": lambda machine, _: machine.push(_last(machine, 3)),
    "DICT": lambda machine, _: machine.push(_as_dict(machine.marked())),
    "FROZENSET": lambda machine, _: machine.push(frozenset(_checked_keys(machine.marked()))),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.append(machine.marked()),
    "SETITEM": lambda machine, _: machine.set_items(list(_last(machine, 2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "GLOBAL": lambda machine, name: machine.push(check_name(*name.split(" ", 1))),
    "STACK_GLOBAL": _by_stack,
    "INST": _instance,
    "OBJ": _old_object,
    "NEWOBJ": _new_object,
    "NEWOBJ_EX": _new_object_with_names,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persist,
}
