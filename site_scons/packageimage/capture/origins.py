"""The sources that decided a function's code, in a form that another process can compare.

A method's key and the globals that it froze tell most of what decides its code. What they do not
tell is looked up here in the modules' code objects, which a loader gives without running anything:
the implementations behind an `overload`, methods of a jitclass, functions reached through a
module's module. Comments and, in release code, line numbers are no part of it.

A module that extends the compiler (`numba.extending`, llvmlite) can change any function's code in
ways that no name leads to. `extensions` lists such modules: when one of them changes, nothing that
was captured before is used again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..model.method_key import code_digest
from .captured import Origin, digest_of

BASE_PACKAGES = frozenset({"numba", "numpy", "llvmlite"})
_EXTENDING = (
    "numba.extending", "numba.core.extending", "numba.core.imputils", "numba.core.datamodel",
    "numba.core.typing", "numba.core.cgutils", "numba.core.pythonapi", "numba.core.boxing",
    "numba.core.lowering", "numba.core.compiler", "numba.core.rewrites", "llvmlite",
)  # fmt: skip
_WHOLE_MODULE = "<module>"


def is_fixed(module: str) -> bool:
    """Whether a module's source is fixed by the versions that a store's fingerprint names."""
    top = module.partition(".")[0]
    return top in BASE_PACKAGES or top in sys.stdlib_module_names or top == "packageimage"


class Sources:
    """The code objects of modules, each read once."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        """`modules`: `sys.modules`, or what stands for it."""
        self._modules = modules
        self._codes: dict[str, dict[str, list[CodeType]]] = {}
        self._origins: dict[tuple[str, str, bool], Origin] = {}

    def origin_of(self, function: FunctionType, *, with_line: bool = False) -> Origin | None:
        """What stands for the source of a function; None for one that needs nothing to do so.

        Versions fix Numba's own functions. What exec() made outside of any module, Numba made of
        the function that is being compiled, or it is in a key with all that it is made of.
        """
        module = function.__module__
        if not module or is_fixed(module):
            return None
        # Not function.__qualname__, which a wrapper may have copied from what it wraps.
        name = outermost(function.__code__.co_qualname)
        return self.origin(module, name, with_line=with_line)

    def origin(self, module: str, name: str, *, with_line: bool = False) -> Origin:
        """The origin of that module and outermost name as it is now."""
        asked = (module, name, with_line)
        if asked not in self._origins:
            self._origins[asked] = Origin(module, name, self._digest(*asked))
        return self._origins[asked]

    def _digest(self, module: str, name: str, with_line: bool) -> str:
        codes = self._code_of(module)
        # What exec() or a lambda in a call made is found under no name: the whole module stands
        # for it.
        found = codes.get(name) or codes.get(_WHOLE_MODULE)
        if not found:
            return ""
        inside = [inner for code in found for inner in _nested(code)] if with_line else []
        lines = [repr([line for *_, line in inner.co_lines()]) for inner in inside]
        ranks = [repr(_line_ranks(inner)) for code in found for inner in _nested(code)]
        return digest_of([*map(code_digest, found), *ranks, *lines])[:24]

    def names_in(self, function: FunctionType) -> frozenset[str]:
        """All global names in the outermost function around a nested one, itself included."""
        name = function.__code__.co_qualname
        if "<locals>" not in name:
            return frozenset()
        codes = self._code_of(function.__module__ or "").get(outermost(name), [])
        return frozenset(
            name for code in codes for inner in _nested(code) for name in inner.co_names
        )

    def _code_of(self, module: str) -> dict[str, list[CodeType]]:
        if module not in self._codes:
            found: dict[str, list[CodeType]] = {}
            whole = _module_code(self._modules.get(module))
            if whole is not None and module != "__main__":
                for code in _nested(whole):
                    found.setdefault(code.co_qualname, []).append(code)
            self._codes[module] = found
        return self._codes[module]

    def extensions(self) -> tuple[Origin, ...]:
        """The modules of this process that extend the compiler, with a digest of their code."""
        return tuple(
            self.origin(name, _WHOLE_MODULE)
            for name in sorted(self._modules)
            if not is_fixed(name) and name != "__main__" and _extends(self._modules[name])
        )


def outermost(qualname: str) -> str:
    """The part of a qualified name that a module's own code defines."""
    return qualname.partition(".<locals>")[0]


def package_digest(sources: Iterable[tuple[str, bytes]]) -> str:
    """One digest for a package's sources, (path, content), that comments do not change.

    A file that does not compile (a template in the package's folder) counts by its bytes.
    """
    parts: list[str | bytes] = []
    for path, content in sorted(sources):
        parts.append(path)
        try:
            parts.append(code_digest(compile(content, path, "exec", dont_inherit=True)))
        except (SyntaxError, ValueError):
            parts.append(content)
    return digest_of(parts)


def _module_code(module: Any) -> CodeType | None:
    spec = getattr(module, "__spec__", None)
    get_code = getattr(getattr(spec, "loader", None), "get_code", None)
    if get_code is None:
        return None
    try:
        code = get_code(getattr(spec, "name", ""))
    except (ImportError, OSError, SyntaxError):
        return None
    return code if isinstance(code, CodeType) else None


def _line_ranks(code: CodeType) -> list[int]:
    """Which of its distinct lines each piece of bytecode is on: `model.code_place` tells places by
    it, and a call that is spread over more lines is the same bytecode otherwise."""
    lines = [line for _, _, line in code.co_lines() if line is not None]
    rank = {line: at for at, line in enumerate(sorted(set(lines)))}
    return [rank[line] for line in lines]


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _extends(module: Any) -> bool:
    for value in list(getattr(module, "__dict__", {}).values()):
        where = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if not isinstance(where, str):
            continue
        if any(where == name or where.startswith(f"{name}.") for name in _EXTENDING):
            return True
        if isinstance(value, ModuleType) and where == "numba":
            code = _module_code(module)
            if code is None or any("extending" in c.co_names for c in _nested(code)):
                return True
    return False


def _home(value: object) -> object:
    """The module that defines a function or class; an instance's class is no extension."""
    if isinstance(value, (FunctionType, type)):
        return value.__module__
    return None
