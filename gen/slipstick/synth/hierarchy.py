"""Who instantiates whom, read from the build folder's Verilog, one file a module."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from slipstick.errors import SlipstickError

_IDENTIFIER = r"\\\S+|[A-Za-z_][\w$]*"
_INSTANCE = re.compile(rf"^[ \t]*({_IDENTIFIER})[ \t]+({_IDENTIFIER})[ \t]*\(", re.MULTILINE)


# The names of modules reach Yosys's command line, so a folder from elsewhere must not smuggle
# others.
_MODULE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def _source(path: Path) -> str:
    try:
        if _MODULE.fullmatch(path.stem):
            return path.read_text(encoding="utf-8")
        cause = "its name is none that compile gives"
    except (OSError, UnicodeDecodeError) as error:
        cause = f"cannot be read ({error})"
    raise SlipstickError(f"File '{path}'", cause, "compile the model again")


@dataclass(frozen=True)
class Instance:
    """An instance of a module, under the names of the Verilog without escapes."""

    name: str
    module: str


class Hierarchy:
    """The modules of a build folder.

    A missed instance cannot go unnoticed: Yosys's ``hierarchy -check`` refuses a module whose
    children were not given to it.
    """

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources
        self.fingerprint = cache(self._fingerprint)

    @classmethod
    def read(cls, folder: Path) -> "Hierarchy":
        """All modules of ``folder``.

        Raises `SlipstickError` for a file that cannot be read, or whose name is no module's.
        """
        return cls({path.stem: _source(path) for path in sorted(folder.glob("*.v"))})

    @cached_property
    def children(self) -> dict[str, tuple[Instance, ...]]:
        """The instances in each module, in the order of its text."""
        return {module: self._instances(text) for module, text in self.sources.items()}

    def closure(self, module: str) -> tuple[str, ...]:
        """``module`` and every module below it, each once."""
        seen: dict[str, None] = {}
        waiting = [module]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen[current] = None
                waiting.extend(child.module for child in self.children[current])
        return tuple(seen)

    def verilog(self, module: str) -> str:
        """The text of ``module`` and everything below it."""
        return "\n".join(self.sources[name] for name in self.closure(module))

    def require(self, module: str) -> None:
        """Raises `SlipstickError` if ``module`` is missing."""
        if module not in self.sources:
            raise SlipstickError(
                f"File 'rtl/{module}.v'", "is missing from the build folder", "compile again"
            )

    def _instances(self, text: str) -> tuple[Instance, ...]:
        found = (
            Instance(name.removeprefix("\\"), module.removeprefix("\\"))
            for module, name in _INSTANCE.findall(text)
        )
        return tuple(instance for instance in found if instance.module in self.sources)

    def _fingerprint(self, module: str) -> str:
        """A hash that is equal for modules which differ in nothing but module names."""
        names = {child.module for child in self.children[module]}

        def anonymous(match: re.Match[str]) -> str:
            kind, name = (word.removeprefix("\\") for word in match.groups())
            if kind == "module":
                return "module ("
            return f"{self.fingerprint(kind)} {name} (" if kind in names else match[0]

        return hashlib.sha256(_INSTANCE.sub(anonymous, self.sources[module]).encode()).hexdigest()
