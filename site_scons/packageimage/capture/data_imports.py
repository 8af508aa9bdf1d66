"""Which modules a module's source imports while it runs, read from the source."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType


def imports_of(
    module: ModuleType, loaded: Mapping[str, ModuleType]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules of `loaded` that the source imports outside of functions, in its order, and the
    top-level modules that it tried to import and that do not exist.

    Packages' submodules count with their packages, and `from x import y` counts x.y where that is
    a module. Without a source, the modules in the module's namespace count.
    """
    tree = _parsed(module)
    if tree is None:
        found = [name for value in vars(module).values() if (name := _name_of(value, loaded))]
        return tuple(dict.fromkeys(found)), ()
    imports: dict[str, None] = {}
    absent: dict[str, None] = {}
    for name in _imported(tree, module):
        parts = name.split(".")
        chain = [".".join(parts[: end + 1]) for end in range(len(parts))]
        present = [part for part in chain if isinstance(loaded.get(part), ModuleType)]
        # One without a spec was put there by another module, and comes with that.
        imports.update((part, None) for part in present if loaded[part].__spec__ is not None)
        if not present and not _exists(parts[0]):
            absent[parts[0]] = None
    imports.pop(module.__name__, None)
    return tuple(imports), tuple(absent)


def absent_for(name: str, loaded: Mapping[str, ModuleType]) -> tuple[str, ...]:
    """The top-level modules that do not exist and that a module asks for whose import failed."""
    module = ModuleType(name)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ()
    if spec is None or not spec.origin:
        return ()
    module.__file__, module.__package__, module.__spec__ = spec.origin, spec.parent, spec
    return imports_of(module, loaded)[1]


def _name_of(value: object, loaded: Mapping[str, ModuleType]) -> str | None:
    if isinstance(value, ModuleType) and loaded.get(value.__name__) is value:
        return value.__name__
    return None


def used_by(module: ModuleType, loaded: Mapping[str, ModuleType]) -> frozenset[str]:
    """The modules whose names, other than of submodules, the source may use while it runs.

    Those that it binds (`import x`, which may be followed by `x.y`) and those that it takes names
    from. Empty without a source.
    """
    tree = _parsed(module)
    found: set[str] = set()
    for node in _statements(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            found.update(alias.name if alias.asname else _top(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module)
            if base and any(f"{base}.{alias.name}" not in loaded for alias in node.names):
                found.add(base)
    return frozenset(found)


def bound_by_imports(module: ModuleType) -> frozenset[str]:
    """The names that the source's import statements bind."""
    tree = _parsed(module)
    return frozenset(
        alias.asname or _top(alias.name)
        for node in (_statements(tree) if tree is not None else ())
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def _top(name: str) -> str:
    return name.partition(".")[0]


def _parsed(module: ModuleType) -> ast.Module | None:
    try:
        return ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        pass
    # `inspect` takes an empty file, as many an __init__.py is, for none.
    get_source = getattr(getattr(module.__spec__, "loader", None), "get_source", None)
    try:
        empty = get_source is not None and get_source(module.__name__) == ""
    except (ImportError, OSError, SyntaxError, UnicodeError):
        return None
    return ast.Module([], []) if empty else None


def _imported(tree: ast.Module, module: ModuleType) -> Iterator[str]:
    """Absolute names of modules, and of what is imported from them, which may be modules."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module)
            if base:
                yield base
                for alias in node.names:
                    if alias.name != "*":
                        yield f"{base}.{alias.name}"


def _base(node: ast.ImportFrom, module: ModuleType) -> str | None:
    """The module that names are imported from; None beyond the top-level package."""
    if not node.level:
        return node.module
    try:
        return importlib.util.resolve_name(
            "." * node.level + (node.module or ""), module.__package__ or ""
        )
    except ImportError:
        return None


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module does, in order."""
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children = iter(node.orelse)
    for child in children:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from _statements(child)


def _exists(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
