"""One captured specialisation with all that assembling an image needs of it, as plain data.

It is made from what Numba just compiled, or read from the store that an earlier capture left; what
follows cannot tell which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.type_spec import Spec


@dataclass(frozen=True, order=True)
class Omission:
    """A specialisation that works through Numba's JIT at run time, and why."""

    function: str
    signature: str
    reason: str

    def __str__(self) -> str:
        return f"{self.function}{self.signature}: {self.reason}"


@dataclass(frozen=True, order=True)
class Origin:
    """Source that decided code: a function of a module by its outermost name, and its digest.

    digest: "" for what can't be looked up again, so that code made from it is never used twice.
    """

    module: str
    name: str
    digest: str


@dataclass(frozen=True)
class CapturedMethod:
    """key: as `model.method_key` makes it. row: its row of the method table without `entries`;
    where a row has a byte string, it has its index in `blobs`. roles: library and symbol of each
    entry. core: the library of the function itself. linkable: symbols that JIT code calls directly.
    unit: see `partitions`. modules: whose functions were compiled in. causes: keys of the methods
    that compiling this one compiles as well; omits: those that then can't be kept. root: of methods
    that call each other in a circle, the one that was asked for first; their code depends on it.
    function: names the compiled function with its options (`numba_callables.requested_as`), "" for
    what no restored object asks for. specs: of its arguments (`model.type_spec`), None where one
    has none. returned: that of its result.
    """

    key: str
    shown: str
    row: Mapping[str, Any]
    blobs: tuple[bytes, ...]
    roles: Mapping[str, tuple[str, str]]
    core: str
    linkable: tuple[str, ...]
    unit: str
    weight: int
    modules: tuple[str, ...]
    causes: tuple[str, ...] = ()
    omits: tuple[Omission, ...] = ()
    root: str = ""
    origins: tuple[Origin, ...] = ()
    function: str = ""
    specs: tuple[Spec, ...] | None = None
    returned: Spec | None = None

    @property
    def libraries(self) -> tuple[str, ...]:
        """The content hashes of all libraries it needs, sorted."""
        return tuple(sorted({self.core, *(library for library, _ in self.roles.values())}))


@dataclass
class Blobs:
    """Byte strings, each kept once."""

    items: list[bytes] = field(default_factory=list)
    _index: dict[bytes, int] = field(default_factory=dict)

    def add(self, data: bytes) -> int:
        if data not in self._index:
            self._index[data] = len(self.items)
            self.items.append(data)
        return self._index[data]


def with_blobs(row: Mapping[str, Any], renumber: Mapping[int, int]) -> dict[str, Any]:
    """A row whose byte strings have other indices."""
    return {
        **row,
        "return": renumber[row["return"]],
        "environments": [
            [slot, module, None if blob is None else renumber[blob]]
            for slot, module, blob in row["environments"]
        ],
    }


def closure(keys: Iterable[str], methods: Mapping[str, CapturedMethod]) -> set[str]:
    """`keys` and all that compiling them compiles as well."""
    found: set[str] = set()
    pending = list(keys)
    while pending:
        key = pending.pop()
        if key not in found and key in methods:
            found.add(key)
            pending.extend(methods[key].causes)
    return found


def digest_of(parts: Iterable[str | bytes]) -> str:
    """SHA-256 in hexadecimal over parts, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
