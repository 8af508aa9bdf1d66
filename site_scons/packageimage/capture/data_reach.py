"""Which modules are there when a module is restored, as far as sources tell."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType

from .data_imports import bound_by_imports, imports_of, used_by
from .data_names import top_of


class Reach:
    """Which modules are there when a module is restored, as far as sources tell."""

    def __init__(
        self,
        loaded: Mapping[str, ModuleType],
        imports: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
        finished: Iterable[str] | None = None,
    ) -> None:
        self._loaded = loaded
        self._began = {name: place for place, name in enumerate(list(loaded))}
        self._imports = {name: found for name, (found, _) in imports.items()}
        order = dict.fromkeys(imports if finished is None else finished)
        self._finished = {name: place for place, name in enumerate(order)}
        self._tops = {top_of(name) for name in imports}
        self._used: dict[str, frozenset[str]] = {}
        self._bound: dict[str, frozenset[str]] = {}
        self._closures: dict[str, frozenset[str]] = {}
        self._files: dict[str, str] = {}
        for name, module in list(loaded.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                self._files.setdefault(file, name)

    def closure(self, name: str) -> frozenset[str]:
        """The modules that importing one imports: its packages, what they and it import, ..."""
        known = self._closures.get(name)
        if known is not None:
            return known
        found: set[str] = set()
        waiting = [name]
        while waiting:
            parts = waiting.pop().split(".")
            for one in (".".join(parts[: end + 1]) for end in range(len(parts))):
                if one not in found:
                    found.add(one)
                    waiting.extend(self._imports_of(one))
        self._closures[name] = frozenset(found)
        return self._closures[name]

    def _imports_of(self, name: str) -> tuple[str, ...]:
        if name not in self._imports:
            module = self._loaded.get(name)
            own = module is not None and top_of(name) in self._tops
            self._imports[name] = imports_of(module, self._loaded)[0] if own else ()  # type: ignore[arg-type]
        return self._imports[name]

    def may_use(self, module: str, other: str) -> bool:
        """Whether `other` can be imported, and has its names, while `module` is restored.

        One of the package's own that finishes later may itself need the module; a package that the
        module is in is only half there, but for what the module's source takes from it.
        """
        if other == module:
            return True
        if top_of(other) not in self._tops:
            return self._may_use_foreign(module, other)
        if module.startswith(f"{other}."):
            return other in self._imports_of(module)
        if other not in self.closure(module):
            return False
        finished = self._finished
        return (
            other not in finished
            or module not in finished
            or finished[other] < finished[module]
            or other in self._imports_of(module)
        )

    def may_name(self, module: str, other: str, qualname: str) -> bool:
        """Whether a global of `other` is there while `module` is restored, and not only later.

        Of a module that finishes later it is what `other` makes itself and the module takes.
        """
        if not self.may_use(module, other):
            return False
        finished = self._finished
        if other not in finished or module not in finished or finished[other] <= finished[module]:
            return True
        if other not in self._bound:
            self._bound[other] = bound_by_imports(self._loaded[other])
        return other in self._used_by(module) and top_of(qualname) not in self._bound[other]

    def _may_use_foreign(self, module: str, other: str) -> bool:
        top = top_of(other)
        return (
            self._began.get(other, -1) < self._began.get(module, 0)
            or top in sys.stdlib_module_names
            or any(top == top_of(one) for one in self.closure(module))
        )

    def used_while_imported(self, module: str, restored: Collection[str]) -> str | None:
        """A module whose source runs while `module` is being imported and may use its names,
        which are not there before all that it imports is."""
        finished = self._finished
        for other in sorted(self._led_to(module) - set(restored)):
            source = self._loaded.get(other)
            if source is None or top_of(other) not in self._tops:
                continue
            if other in finished and module in finished and finished[other] > finished[module]:
                continue
            if module in self._used_by(other):
                return other
        return None

    def _led_to(self, module: str) -> set[str]:
        """What starts to be imported while a module is: not its packages, which wait for it."""
        waiting_for_it = {module[:at] for at, sign in enumerate(module) if sign == "."}
        found: set[str] = set()
        waiting = list(self._imports_of(module))
        while waiting:
            parts = waiting.pop().split(".")
            for one in (".".join(parts[: end + 1]) for end in range(len(parts))):
                if one not in found and one not in waiting_for_it and one != module:
                    found.add(one)
                    waiting.extend(self._imports_of(one))
        return found

    def _used_by(self, name: str) -> frozenset[str]:
        if name not in self._used:
            module = self._loaded.get(name)
            self._used[name] = used_by(module, self._loaded) if module else frozenset()
        return self._used[name]

    def will_be(self, module: str, other: str) -> bool:
        """Whether `other` is imported, soon or late, wherever `module` is."""
        return other in self.closure(module) or self.may_use(module, other)

    def module_of_file(self, file: str, own: str) -> str | None:
        """The module whose file a code object came from, "" for `own`, None if no module's."""
        if getattr(self._loaded.get(own), "__file__", None) == file:
            return ""
        return self._files.get(file)
