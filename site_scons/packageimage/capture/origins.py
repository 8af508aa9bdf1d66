"""The sources that decided a function's code, in a form that another process can compare.

A method's key and the globals that it froze tell much of what decides its code, but not all: an
overload's implementation, a jitclass's fields, what a module computed when it was imported. So
sources are compared as well, as code objects, which a loader gives without running anything.
Comments and, in release code, line numbers are no part of them. There are two kinds:

- an *origin* is one function that was compiled in. Its body decides the code of what contains it;
- a module's *part* is all of its code but for the bodies of such functions: constants, decorators
  and their options, classes, and functions that run as Python, which may have made anything. It
  decides the code of everything in the module and in the modules that import it.

A module that extends the compiler (`numba.extending`, llvmlite) can change code that does not name
it: when its part has changed, or one that it imports, nothing captured before is used again.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
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
_STANDARD = sysconfig.get_path("stdlib")
_WHOLE_MODULE = "<module>"
_DIGITS = 24


def is_fixed(module: str) -> bool:
    """Whether a module's source is fixed by the versions that a store's fingerprint names."""
    top = module.partition(".")[0]
    if top in BASE_PACKAGES or top == "packageimage":
        return True
    if top not in sys.stdlib_module_names:
        return False
    # A module of one's own may have a name of the standard library's.
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or file.startswith(_STANDARD)


class Sources:
    """The code of modules, each read once."""

    def __init__(self, modules: Mapping[str, ModuleType], own: Iterable[str]) -> None:
        """`modules`: `sys.modules`, or what stands for it. `own`: top-level packages whose modules
        are looked at one by one though they are installed: the one that is captured, and those
        whose functions were compiled in. Others count by their version."""
        self.own = set(own)
        self._modules = modules
        self._codes: dict[str, dict[str, list[CodeType]]] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        self._origins: dict[tuple[str, str, bool], Origin] = {}

    # -- functions -----------------------------------------------------------------------------

    def origin_of(self, function: FunctionType, *, with_line: bool = False) -> Origin | None:
        """What stands for the source of a function; None for one that needs nothing to do so.

        Versions fix Numba's own functions. What exec() made outside of any module, Numba made of
        the function that is being compiled, or it is in a key with all that it is made of.
        """
        module = function.__module__
        if not module or is_fixed(module):
            return None
        self.own.add(module.partition(".")[0])
        # Not function.__qualname__, which a wrapper may have copied from what it wraps.
        return self.origin(module, function.__code__.co_qualname, with_line=with_line)

    def origin(self, module: str, name: str, *, with_line: bool = False) -> Origin:
        """The origin of that module and qualified name as it is now."""
        asked = (module, name, with_line)
        if asked not in self._origins:
            self._origins[asked] = Origin(module, name, self._digest(*asked))
        return self._origins[asked]

    def _digest(self, module: str, name: str, with_line: bool) -> str:
        codes = self._code_of(module)
        # What exec() made is found under no name: the whole module stands for it.
        found = codes.get(name) or codes.get(_WHOLE_MODULE)
        if not found:
            return ""
        # Debug information has lines that no code object knows, such as that of `def` itself.
        lines = [_source_of(self._modules.get(module))] if with_line else []
        ranks = [repr(_line_ranks(inner)) for code in found for inner in _nested(code)]
        return digest_of([*map(code_digest, found), *ranks, *lines])[:_DIGITS]

    def _code_of(self, module: str) -> dict[str, list[CodeType]]:
        if module not in self._codes:
            found: dict[str, list[CodeType]] = {}
            whole = _module_code(self._modules.get(module))
            if whole is not None and module != "__main__":
                for code in _nested(whole):
                    found.setdefault(code.co_qualname, []).append(code)
            self._codes[module] = found
        return self._codes[module]

    # -- modules -------------------------------------------------------------------------------

    def part(self, module: str, compiled_in: Iterable[str]) -> str:
        """A digest of a module's part; "" when it has no code that can be read.

        compiled_in: qualified names of the functions whose bodies are left out.
        """
        if not self._is_own(module):
            return _stamp(self._modules.get(module))
        whole = self._code_of(module).get(_WHOLE_MODULE)
        left_out = frozenset(compiled_in)
        return code_digest(whole[0], left_out)[:_DIGITS] if whole else ""

    def reached(self, module: str) -> frozenset[str]:
        """The modules whose parts may decide code of `module`: itself and all that it imports, but
        for those that versions fix; of installed packages, the top one."""
        if module not in self._reached:
            found = {module}
            pending = [module]
            while pending:
                for name in self._imports_of(pending.pop()):
                    if name not in found:
                        found.add(name)
                        if self._is_own(name):
                            pending.append(name)
            self._reached[module] = frozenset(found)
        return self._reached[module]

    def _imports_of(self, module: str) -> frozenset[str]:
        if module not in self._imports:
            names = _imported_names(self._modules.get(module), self._modules)
            if names is None:  # it imports what no source says
                names = set(self._modules)
            self._imports[module] = frozenset(
                name if self._is_own(name) else name.partition(".")[0]
                for name in names
                if not is_fixed(name) and name != "__main__"
            )
        return self._imports[module]

    def _is_own(self, module: str) -> bool:
        if module.partition(".")[0] in self.own:
            return True
        file = getattr(self._modules.get(module), "__file__", None) or ""
        return not {"site-packages", "dist-packages"}.intersection(file.split(os.sep))

    def extending(self) -> list[str]:
        """The modules that extend the compiler, in the order in which they were loaded."""
        return [
            name
            for name in list(self._modules)
            if not is_fixed(name)
            and name != "__main__"
            and self._is_own(name)
            and _extends(self._modules[name])
        ]

    def extensions(self) -> frozenset[str]:
        """The modules that extend the compiler, and all that they import."""
        return frozenset(name for module in self.extending() for name in self.reached(module))


def _stamp(module: Any) -> str:
    """What tells one version of an installed package from another."""
    file = getattr(module, "__file__", None)
    try:
        status = os.stat(file) if file else None
    except OSError:
        return ""
    version = getattr(module, "__version__", "")
    changed = f"{status.st_size} {status.st_mtime_ns}" if status else ""
    return digest_of([f"{version} {changed}"])[:_DIGITS]


def _imported_names(module: Any, modules: Mapping[str, ModuleType]) -> set[str] | None:
    """The loaded modules that a module's source imports, anywhere in it; None when it may import
    others, by a name that it computes."""
    try:
        tree = ast.parse(_source_of(module))
    except (SyntaxError, ValueError):
        return set()  # its part can't be read either, and never is the same
    package = getattr(module, "__package__", None) or ""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                found.update(".".join(parts[: end + 1]) for end in range(len(parts)))
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, package)
            names = [f"{base}.{alias.name}" for alias in node.names]
            found.update(names)
            if not all(name in modules for name in names):
                found.add(base)
        elif getattr(node, "id", getattr(node, "attr", "")) in ("import_module", "__import__"):
            return None
    return {name for name in found if name in modules}


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


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


def _source_of(module: Any) -> str:
    """The text of a module, "" where there is none."""
    spec = getattr(module, "__spec__", None)
    get_source = getattr(getattr(spec, "loader", None), "get_source", None)
    try:
        return (get_source(getattr(spec, "name", "")) if get_source else None) or ""
    except (ImportError, OSError, SyntaxError):
        return ""


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
