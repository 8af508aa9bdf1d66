"""From captured methods to what an image holds: partitions of bitcode and the method table."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import llvmlite.binding as llvm

from ..model.package_data import canonical, dumps
from ..model.type_spec import Spec
from .captured import Blobs, CapturedMethod, digest_of, with_blobs
from .partitions import assign
from .symbols import LOCAL_LINKAGES, UNRESOLVED_PREFIX

METHODS_FORMAT = 6  # load.image reads it
START = struct.Struct("<8s10I")  # load.numba_attach reads it

_NUMBA_LINES = "emissionKind: DebugDirectivesOnly"
_LINE_TABLES = "emissionKind: LineTablesOnly"
_VARIABLE_RECORD = re.compile(
    r"^ +(#dbg_(value|declare|assign)\(|call void @llvm\.dbg\.(value|declare)\().*\n", re.MULTILINE
)


@dataclass(frozen=True)
class Start:
    """A method that a plain function is answered from at its first call.

    shape: the function's (`load.numba_attach`). specs: of the arguments (`model.type_spec`).
    environments: slot, module and constants of each, its own first. globals: module, name and
    shape, where it has one, of each that is compiled in.
    """

    shape: bytes
    key: str
    specs: tuple[Spec, ...]
    environments: tuple[tuple[str, str | None, bytes | None], ...]
    globals: tuple[tuple[str, str, bytes | None], ...]


@dataclass
class Partition:
    """One module: its libraries by content hash, which of them defines each entry, and what stays
    in the bitcode although nothing in it may call it, because JIT code does."""

    libraries: set[str] = field(default_factory=set)
    entries: dict[str, str] = field(default_factory=dict)
    linkable: set[str] = field(default_factory=set)

    def digest(self) -> str:
        """Names the module that `link` makes, whose every input is named by its content."""
        entries = [f"{symbol} {library}" for symbol, library in sorted(self.entries.items())]
        return digest_of(
            ["\n".join(part) for part in (sorted(self.libraries), entries, sorted(self.linkable))]
        )


def partition(methods: Mapping[str, CapturedMethod], count: int) -> list[Partition]:
    """`count` partitions that hold all methods."""
    weights: dict[str, int] = {}
    for method in methods.values():
        weights[method.unit] = weights.get(method.unit, 0) + method.weight
    places = assign(weights, count)
    parts = [Partition() for _ in range(count)]
    placed: set[str] = set()
    for key in sorted(methods):
        method = methods[key]
        part = parts[places[method.unit]]
        part.libraries.update(method.libraries)
        part.linkable.update(method.linkable)
        for library, symbol in method.roles.values():
            if symbol not in placed:
                placed.add(symbol)
                part.entries[symbol] = library
    return parts


def link(part: Partition, libraries: Mapping[str, bytes], layout: tuple[str, str]) -> bytes:
    """The partition's bitcode; `layout` is triple and data layout, `libraries` canonical bitcode.

    Entries are external in it. What JIT code calls directly is weak, all else is kept only where
    an entry needs it.
    """
    merged = _merged([_prepared(part, name, libraries) for name in sorted(part.libraries)])
    merged.name = "pkgimage"
    merged.triple, merged.data_layout = layout
    _resolve_recursion(merged)
    if _NUMBA_LINES in (text := str(merged)):
        # Debug level 1: Numba emits lines as it does for CUDA's assembler, without the unit that
        # a debugger looks for; as line tables they are DWARF. Those know no variables.
        text = _VARIABLE_RECORD.sub("", text.replace(_NUMBA_LINES, _LINE_TABLES))
        merged = llvm.parse_assembly(text)
        merged.name = "pkgimage"
    merged.verify()
    return bytes(merged.as_bitcode())


def _prepared(part: Partition, content_hash: str, libraries: Mapping[str, bytes]) -> llvm.ModuleRef:
    """A library with the linkages that it has in this partition."""
    module = llvm.parse_bitcode(libraries[content_hash])
    module.name = ""
    for function in module.functions:
        if function.is_declaration or function.linkage in LOCAL_LINKAGES:
            continue
        if part.entries.get(function.name) == content_hash:
            function.linkage = "external"
        else:
            kept = function.name in part.linkable
            function.linkage = "weak_odr" if kept else "linkonce_odr"
    return module


def _merged(modules: list[llvm.ModuleRef]) -> llvm.ModuleRef:
    """All modules in one, in order.

    Linked pair by pair: LLVM walks the whole module that it links into, so one after the other
    takes time that grows with the square (55 s instead of 1.3 for 3,000 functions).
    """
    if not modules:
        return llvm.parse_assembly("")
    while len(modules) > 1:
        for module, following in zip(modules[::2], modules[1::2], strict=False):
            module.link_in(following)
        modules = modules[::2]
    # Into a module without types of its own, so that the first library's are as all others'.
    merged = llvm.parse_assembly("")
    merged.link_in(modules[0])
    return merged


def _resolve_recursion(module: llvm.ModuleRef) -> None:
    """Define the pointers through which mutually recursive functions call each other.

    Numba fills them when the last function of the circle is ready; here all of them are.
    """
    defined = {f.name for f in module.functions if not f.is_declaration}
    goals = sorted(
        variable.name.removeprefix(UNRESOLVED_PREFIX)
        for variable in module.global_variables
        if variable.name.startswith(UNRESOLVED_PREFIX)
    )
    lines = [
        f'@"{UNRESOLVED_PREFIX}{goal}" = linkonce_odr constant ptr @"{goal}"\n'
        f'declare void @"{goal}"()\n'
        for goal in goals
        if goal in defined
    ]
    if lines:
        module.link_in(llvm.parse_assembly("".join(lines)))


def positions(parts: Iterable[Partition]) -> dict[str, tuple[int, int]]:
    """Where the loader finds each entry: its partition, and its place in that one's table."""
    return {
        symbol: (index, place)
        for index, part in enumerate(parts)
        for place, symbol in enumerate(sorted(part.entries))
    }


def environments_of(methods: Mapping[str, CapturedMethod]) -> tuple[str, ...]:
    """The slots of all environments, sorted. What is written of a method names them by their places
    here, and the data stage says which slots of an image those are: a name is long, and most
    processes need none."""
    return tuple(
        sorted({slot for method in methods.values() for slot, _, _ in method.row["environments"]})
    )


def method_table(
    methods: Mapping[str, CapturedMethod],
    parts: list[Partition],
    starts: Mapping[str, Iterable[Start]],
) -> bytes:
    """u64 lengths of two indices and of the starts; the indices, the starts, the byte strings.

    The indices, the starts and the rows are written by marshal, which reads them several times as
    quickly as JSON is read (model.package_data says what of it). The first index is read in every
    process that imports Numba, and holds few containers: `functions` maps modules, and in them
    qualified names of plain functions, to where their starts lie, `specs` lists what these take. Of
    the second, `methods` maps a key to the byte string with its row, `blobs` lists the byte
    strings' ends. A row's `callers` are the numbers, in the order of `methods`, of the methods that
    compiling has compiled this one for.

    A start is a `START`: the function's shape, whether others here are compiled with a function of
    that shape, the number of its specs and of its method, partition and place of its code, its own
    environment, and where the rest lies, 0 for none: the constants of that environment,
    (environment, module, constants) of all others in a row, its globals, and the function's next
    start. Environments are given by their places in `environments_of`; globals are a tuple of where
    (module, name, shape) of each lies.
    """
    position = positions(parts)
    blobs = Blobs()
    rows = {}
    callers: dict[str, list[int]] = {}
    numbers = {key: number for number, key in enumerate(sorted(methods))}
    for key, number in numbers.items():
        for cause in methods[key].causes:
            callers.setdefault(cause, []).append(number)
    for key in numbers:
        method = methods[key]
        renumber = {at: blobs.add(blob) for at, blob in enumerate(method.blobs)}
        roles = {role: symbol for role, (_, symbol) in sorted(method.roles.items())}
        row = with_blobs(method.row, renumber) | {
            "roles": roles,
            "callers": callers.get(key, ()),
            "entries": {role: position[symbol] for role, symbol in roles.items()},
        }
        rows[key] = blobs.add(dumps(canonical(row)))
    places = {
        key: position[method.roles["cpython"][1]]
        for key, method in methods.items()
        if "cpython" in method.roles
    }
    first, started = _starts(starts, numbers, places, environments_of(methods))
    ends = list(itertools.accumulate(map(len, blobs.items)))
    index = dumps({"methods": rows, "blobs": ends})
    lengths = struct.pack("<QQQ", len(first), len(index), len(started))
    return lengths + first + index + started + b"".join(blobs.items)


def _starts(
    starts: Mapping[str, Iterable[Start]],
    numbers: Mapping[str, int],
    places: Mapping[str, tuple[int, int]],
    environments: Sequence[str],
) -> tuple[bytes, bytes]:
    """The first index of a method table, and the starts.

    numbers: of the methods. places: of the code that the dispatcher calls.
    """
    specs: dict[tuple[Spec, ...], int] = {}
    slots = {slot: place for place, slot in enumerate(environments)}
    functions: dict[str, dict[str, int]] = {}
    written = bytearray(b"0")  # so that nothing lies at 0
    known: dict[object, int] = {}

    def place_of(value: object) -> int:
        if value not in known:
            known[value] = len(written)
            written.extend(dumps(value))
        return known[value]

    def place_of_all(values: tuple[object, ...]) -> int:
        return place_of(values) if values else 0

    called = {shape for own in starts.values() for start in own for _, _, shape in start.globals}
    for name, own in sorted(starts.items()):
        following = 0
        for start in reversed(tuple(own)):
            (slot, _, constants), *others = [
                (slots[slot], module, 0 if pickled is None else place_of(pickled))
                for slot, module, pickled in start.environments
            ]
            record = START.pack(
                start.shape,
                start.shape in called,
                specs.setdefault(start.specs, len(specs)),
                numbers[start.key],
                *places[start.key],
                slot,
                constants,
                place_of_all(tuple(part for item in others for part in item)),
                place_of_all(tuple(map(place_of, start.globals))),
                following,
            )
            following = len(written)
            written.extend(record)
        module, _, qualname = name.partition(":")
        functions.setdefault(module, {})[qualname] = following
    index = {"format": METHODS_FORMAT, "functions": functions, "specs": tuple(specs)}
    return dumps(index), bytes(written)
