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
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import llvmlite.binding as llvm

from .captured import Origin

ENVIRONMENT_PREFIX = "_ZN08NumbaEnv"
UNRESOLVED_PREFIX = ".numba.unresolved$"
HASH_SECRET_PREFIX = "_numba_hashsecret_"
VALUE_PREFIX = "pkgimage.value."
# What Numba calls on Windows by names that only its libraries have (cpython/mathimpl.py,
# core/cgutils.py); a capture serves every platform. The loader knows both.
_C_NAMES = {"_hypot": "hypot", "_hypotf": "hypotf", "_snprintf": "snprintf"}

_TAG = re.compile(r"B(\d+)v")
_PARALLEL_KERNEL = re.compile(r"^\.kernel\.\d+_")
# " at 0x7f..." in the type of a dispatcher, "#7f...<" in that of a jitclass, as Numba escapes them.
_ADDRESS = re.compile(r"(?<=_20at_200x)[0-9a-f]+|(?<=_23)[0-9a-f]{6,}(?=_3c)")
STRONG_LINKAGES = frozenset({llvm.Linkage.external, llvm.Linkage.weak_odr})
LOCAL_LINKAGES = frozenset({llvm.Linkage.private, llvm.Linkage.internal})
_HASH_LENGTH = 16
_EXTERNAL = "external"  # what no library of this capture owns
_EXTERNAL_TAG = re.compile(rf"B{len(_EXTERNAL) + 1}v{_EXTERNAL}|{_EXTERNAL}z{{8}}")
# Numba's counters start here, so that all have one width and their digits can be blanked in place.
FIRST_COUNTER = 10**9
_BLANK_COUNTER = str(FIRST_COUNTER).encode()
# What stands for a counter in a canonical name: as wide as one, and never taken for one.
_TAG_START, _TAG_REST = string.ascii_lowercase[6:], string.digits + string.ascii_lowercase
# Variables of what was inlined are called after it, in debug information.
_COUNTER_BYTES = re.compile(rb"(?<=B11v)(?:1\d{9}(?!\d)|[g-z][0-9a-z]{9})|(?<=_v)1\d{9}(?!\d)")
# What stands for an address: as wide as one, in no hexadecimal digits.
_NO_ADDRESS = "z" * 16
# A jitclass's destructor is called after its type as it is, unescaped.
_CLASS_ADDRESS = re.compile(r"(?<=#)[0-9a-f]{6,}(?=<)")
_ADDRESS_BYTES = re.compile(
    rf"{_ADDRESS.pattern}|{_CLASS_ADDRESS.pattern}|(?<=_20at_200x)[g-z][0-9a-z]{{9}}z{{6}}".encode()
)


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


def plain_name(name: str) -> str:
    """A symbol's name without what tells it from its namesakes, for messages."""
    return replace_tags(_without_addresses(name), lambda counter: "0")


def scrubbed(bitcode: bytes) -> bytes:
    """Bitcode without the counters and addresses that LLVM has copied out of symbols' names.

    Where LLVM inlines a call it names an alias scope after the callee.  Such names mean nothing,
    and bitcode has them as plain bytes, so they are overwritten in place.  A callee that an earlier
    capture compiled has its canonical name already, which is as wide and blanked alike.  The
    symbols themselves must have other names meanwhile.
    """
    bitcode = _COUNTER_BYTES.sub(_BLANK_COUNTER, bitcode)
    return _ADDRESS_BYTES.sub(lambda match: b"z" * len(match[0]), bitcode)


@dataclass(eq=False)
class Library:
    """One of Numba's code libraries as it was before MCJIT rewrote it."""

    bitcode: bytes
    order: int
    links: list[Library] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)  # whose functions are in it
    origins: set[Origin] = field(default_factory=set)
    constants: bytes = b""  # of its environments: object-mode code differs in nothing else
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
                return _EXTERNAL
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
        if name in _C_NAMES:
            return _C_NAMES[name]
        if counters_or_name(name) == [name]:
            # Its address is all that it has, so the place of one is where it is told from others.
            stand_in = counter_name(name).ljust(len(_NO_ADDRESS), "z")
            return _without_addresses(name).replace(_NO_ADDRESS, stand_in, 1)
        return replace_tags(_without_addresses(name), counter_name)

    def content_hash(self, library: Library) -> str:
        """What names a library: equal for two libraries exactly when their code is."""
        self._hash(library)
        return library.content_hash

    def circle(self, library: Library) -> frozenset[int]:
        """The ids of the libraries that call each other in a circle with this one, itself included;
        none when there is no such circle. They refer to each other by name, so they must stay in
        one module.
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
        return frozenset(members) if id(library) in members else frozenset()

    def module(self, library: Library) -> llvm.ModuleRef:
        """The library's module with canonical names throughout."""
        self._hash(library)
        module, names = _merged(*_nameless(library.bitcode), self.symbol)
        for index, (value, (name, local)) in enumerate(zip(_globals(module), names, strict=True)):
            value.name = f".{library.content_hash}.{index}" if local else self.symbol(name)
        return module

    def bitcode(self, library: Library) -> bytes:
        """The module as bitcode."""
        return bytes(self.module(library).as_bitcode())

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

        def own_name(name: str) -> str:
            pending = name.startswith(UNRESOLVED_PREFIX)
            return self._named(name, functools.partial(masked, pending))

        module, names = _merged(*_nameless(library.bitcode), own_name)
        for index, (value, (name, local)) in enumerate(zip(_globals(module), names, strict=True)):
            value.name = f"local{index}" if local else own_name(name)
        content = library.constants + module.as_bitcode()
        digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
        library.content_hash = digest
        for counter, position in own.items():
            suffix = position.removeprefix("self")
            self._names[counter] = _tag(digest if suffix == "0" else f"{digest}x{suffix}")
        for index, counter in enumerate(self._counters_of.get(id(library), ())):
            # A function that its own library dropped (inlined into its wrapper) keeps a name.
            self._names.setdefault(counter, _tag(f"{digest}y{index}"))


def _tag(text: str) -> str:
    """Ten letters and digits that stand for a counter, made of what is to stand for it."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    number, first = divmod(number, len(_TAG_START))
    tag = _TAG_START[first]
    while len(tag) < len(_BLANK_COUNTER):
        number, digit = divmod(number, len(_TAG_REST))
        tag += _TAG_REST[digit]
    return tag


def _nameless(bitcode: bytes) -> tuple[bytes, list[tuple[str, bool]]]:
    """A module whose globals have numbers for names, scrubbed; their names, and whether local."""
    module = llvm.parse_bitcode(bitcode)
    module.name = ""
    names = []
    for index, value in enumerate(_globals(module)):
        names.append((value.name, value.linkage in LOCAL_LINKAGES))
        value.name = f".{index}"
    for function in module.functions:
        # As strong as what it came from by chance; `assemble` decides what stays.
        if not function.is_declaration and function.linkage == llvm.Linkage.weak_odr:
            function.linkage = "linkonce_odr"
    strip_local_names(module)
    return scrubbed(module.as_bitcode()), names


def _merged(
    bitcode: bytes, names: list[tuple[str, bool]], canonical: Callable[[str], str]
) -> tuple[llvm.ModuleRef, list[tuple[str, bool]]]:
    """The module of `_nameless`, each function of one canonical name once, as a linker keeps it.

    Code of an earlier capture comes with what Numba compiled into it, an overload's implementation
    say; code that is compiled now comes with the same function under this process's name.
    """
    module = llvm.parse_bitcode(bitcode)
    values = list(_globals(module))
    alike: dict[str, list[int]] = {}
    for index, (name, local) in enumerate(names):
        # Pointers that recursion goes through stand for what has no name yet.
        if not local and not name.startswith(UNRESOLVED_PREFIX):
            full = canonical(name)
            if not _EXTERNAL_TAG.search(full):
                alike.setdefault(full, []).append(index)
    dropped: dict[int, int] = {}
    for found in alike.values():
        kept = next((index for index in found if not values[index].is_declaration), found[0])
        dropped |= {index: kept for index in found if index != kept}
    if not dropped:
        return module, names
    for index, value in enumerate(_globals(module)):
        value.name = f".{index}"  # the local ones have lost theirs
    module = llvm.parse_assembly(_without(str(module), dropped))
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()  # constants that only what is dropped had
    passes.run(module, llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(0)))
    return module, [names[int(value.name[1:])] for value in _globals(module)]


def _without(text: str, dropped: dict[int, int]) -> str:
    """A module's text without globals `.N`, whose users use others; llvmlite can't erase one."""
    definitions = re.compile(r"^(?:@\.(\d+) = .*|(define|declare) [^@\n]*@\.(\d+)\(.*)$", re.M)
    parts = []
    position = 0
    for match in definitions.finditer(text):
        if int(match[1] or match[3]) in dropped:
            parts.append(text[position : match.start()])
            position = text.index("\n}\n", match.end()) + 3 if match[2] == "define" else match.end()
    text = "".join([*parts, text[position:]])

    def redirected(match: re.Match[str]) -> str:
        used = int(match[1] or -1)
        return f"@.{dropped[used]}" if used in dropped else match[0]

    return re.sub(r'"[^"]*"|@\.(\d+)(?![\w.$-])', redirected, text)


def strip_local_names(module: llvm.ModuleRef) -> None:
    """Take the names of arguments, blocks and values away, and those of local globals and types.

    They mean nothing and depend on much: Numba counts labels through all functions, LLVM calls
    blocks and alias scopes after what it inlines, and bitcode lists such names in the order of a
    hash table.
    """
    passes = llvm.create_new_module_pass_manager()
    passes.add_strip_non_debug_symbols_pass()
    passes.run(module, llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(0)))


@functools.cache
def _machine() -> llvm.TargetMachine:
    """LLVM runs no pass without one; this pass asks it nothing."""
    llvm.initialize_native_target()
    return llvm.Target.from_default_triple().create_target_machine()


def _without_addresses(name: str) -> str:
    name = _CLASS_ADDRESS.sub(_NO_ADDRESS, _PARALLEL_KERNEL.sub(".kernel._", name))
    return _ADDRESS.sub(_NO_ADDRESS, name)


def _globals(module: llvm.ModuleRef) -> Iterator[llvm.ValueRef]:
    # Materialised: renaming while LLVM's iterators run is safe, but intrinsics must be left alone.
    yield from [f for f in module.functions if not f.name.startswith("llvm.")]
    yield from list(module.global_variables)
