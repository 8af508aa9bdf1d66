"""Canonical names: the same function has the same symbol in every build.

Numba puts a counter into every mangled name (``...B2v17B38...``), so that a name depends on the
order of compilation, and addresses or hashes into the names of local constants.  Here each library
is named by a hash of its own content: its functions' counters become that hash, those of the
functions it contains become theirs, and local names become an index.  Two libraries with one
content get one name, which is what a linker needs to keep one of them.

The ABI tag of a name has a length prefix (Itanium ABI, ``B <source-name>``), which is how a counter
is told from the digits of an argument type that follows it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import llvmlite.binding as llvm

ENVIRONMENT_PREFIX = "_ZN08NumbaEnv"
UNRESOLVED_PREFIX = ".numba.unresolved$"
HASH_SECRET_PREFIX = "_numba_hashsecret_"
VALUE_PREFIX = "pkgimage.value."

_TAG = re.compile(r"B(\d+)v")
_PARALLEL_KERNEL = re.compile(r"^\.kernel\.\d+_")
# " at 0x7f..." in the type of a dispatcher, "#7f...<" in that of a jitclass, as Numba escapes them.
_ADDRESS = re.compile(r"(?<=_20at_200x)[0-9a-f]+|(?<=_23)[0-9a-f]{6,}(?=_3c)")
LOCAL_LINKAGES = frozenset({llvm.Linkage.private, llvm.Linkage.internal})
_HASH_LENGTH = 16


def tags(name: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and counter of each counter tag in a symbol's name."""
    for match in _TAG.finditer(name):
        length = int(match[1]) - 1
        counter = name[match.end() : match.end() + length]
        if length > 0 and len(counter) == length and counter.isdigit():
            yield match.start(), match.end() + length, counter


def counters_or_name(name: str) -> list[str]:
    """What tells a symbol from others of its name: its counters, or its address, or nothing.

    A generator's resume function has no counter; the address of the generator in its argument's
    type is all that is unique, and the whole name stands for it.
    """
    counters = [counter for _, _, counter in tags(name)]
    return counters or ([name] if _ADDRESS.search(name) else [])


def replace_tags(name: str, replacement: Callable[[str], str]) -> str:
    """The name with every counter replaced, the tags' length prefixes kept true."""
    parts = []
    position = 0
    for start, end, counter in tags(name):
        new = "v" + replacement(counter)
        parts += [name[position:start], f"B{len(new)}{new}"]
        position = end
    return "".join([*parts, name[position:]])


@dataclass(eq=False)
class Library:
    """One of Numba's code libraries as it was before MCJIT rewrote it."""

    bitcode: bytes
    order: int
    links: list[Library] = field(default_factory=list)
    functions: list = field(default_factory=list)
    frozen: set[tuple[str, str, str]] = field(default_factory=set)  # module, global, digest
    dynamic_globals: list[str] = field(default_factory=list)
    recursive: list[str] = field(default_factory=list)  # counters of what it calls in a circle
    content_hash: str = ""

    def with_callees(self) -> list[Library]:
        """This library and all that it was linked with, each once, in order of first use."""
        seen: dict[int, Library] = {}
        stack = [self]
        while stack:
            library = stack.pop()
            if id(library) not in seen:
                seen[id(library)] = library
                stack.extend(reversed(library.links))
        return list(seen.values())


class CanonicalNames:
    """Names for libraries and the functions in them."""

    def __init__(self, owner_of: dict[str, Library]) -> None:
        """`owner_of` maps a counter to the library whose function has it."""
        self._owner_of = owner_of
        self._names: dict[str, str] = {}
        self._counters_of: dict[int, list[str]] = {}
        for counter in sorted(owner_of, key=lambda known: (len(known), known)):
            self._counters_of.setdefault(id(owner_of[counter]), []).append(counter)

    def counter_name(self, counter: str) -> str:
        """The canonical text that stands for a counter; hashes its owner when that is not done."""
        known = self._names.get(counter)
        if known is None:
            owner = self._owner_of.get(counter)
            if owner is None:
                return "external"
            self._hash(owner)
            known = self._names[counter]
        return known

    def symbol(self, name: str) -> str:
        """The canonical name of a global symbol."""
        if name.startswith(HASH_SECRET_PREFIX):
            return VALUE_PREFIX + name
        return self._named(name, self.counter_name)

    @staticmethod
    def _named(name: str, counter_name: Callable[[str], str]) -> str:
        if counters_or_name(name) == [name]:
            return f"{_without_addresses(name)}.{counter_name(name)}"
        return replace_tags(_without_addresses(name), counter_name)

    def content_hash(self, library: Library) -> str:
        """What names a library: equal for two libraries exactly when their code is."""
        self._hash(library)
        return library.content_hash

    def circle(self, library: Library) -> str:
        """A hash that all libraries share which call each other in a circle with this one.

        They refer to each other by name, so they must stay in one module.
        """
        members: dict[int, Library] = {}
        stack = [library]
        while stack:
            for part in stack.pop().with_callees():
                owners = [self._owner_of[c] for c in part.recursive if c in self._owner_of]
                for member in [part, *owners] if owners else []:
                    if id(member) not in members:
                        members[id(member)] = member
                        stack.append(member)
        return min(map(self.content_hash, members.values() or [library]))

    def module(self, library: Library) -> llvm.ModuleRef:
        """The library's module with canonical names throughout."""
        self._hash(library)
        module = llvm.parse_bitcode(library.bitcode)
        module.name = ""
        for index, value in enumerate(_globals(module)):
            if value.linkage in LOCAL_LINKAGES:
                value.name = f".{library.content_hash}.{index}"
            else:
                value.name = self.symbol(value.name)
        return module

    def _hash(self, library: Library) -> None:
        if library.content_hash:
            return
        own: dict[str, str] = {}

        def masked(pending: bool, counter: str) -> str:
            if self._owner_of.get(counter) is library:
                return own.setdefault(counter, f"self{len(own)}")
            # Mutual recursion refers to a function that is finished later: its content can't be
            # part of this hash, and need not be, for its own hash holds this one's.
            return "pending" if pending else self.counter_name(counter)

        module = llvm.parse_bitcode(library.bitcode)
        module.name = ""
        for index, value in enumerate(_globals(module)):
            name = value.name
            if value.linkage in LOCAL_LINKAGES:
                value.name = f"local{index}"
            else:
                pending = name.startswith(UNRESOLVED_PREFIX)
                value.name = self._named(name, functools.partial(masked, pending))
        digest = hashlib.sha256(module.as_bitcode()).hexdigest()[:_HASH_LENGTH]
        library.content_hash = digest
        for counter, position in own.items():
            suffix = position.removeprefix("self")
            self._names[counter] = digest if suffix == "0" else f"{digest}x{suffix}"
        for index, counter in enumerate(self._counters_of.get(id(library), ())):
            # A function that its own library dropped (inlined into its wrapper) keeps a name.
            self._names.setdefault(counter, f"{digest}y{index}")


def _without_addresses(name: str) -> str:
    return _ADDRESS.sub("0", _PARALLEL_KERNEL.sub(".kernel._", name))


def _globals(module: llvm.ModuleRef) -> Iterator[llvm.ValueRef]:
    # Materialised: renaming while LLVM's iterators run is safe, but intrinsics must be left alone.
    yield from [f for f in module.functions if not f.name.startswith("llvm.")]
    yield from list(module.global_variables)
