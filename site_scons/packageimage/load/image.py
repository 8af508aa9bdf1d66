"""One opened image: the exported table, its slots and its method table.

The layout is that of codegen.thunks; the image has been checked before it is opened here.

Slots hold the addresses that the image's code calls and loads through. Of three kinds by name,
environments and references (``_ZN08NumbaEnv...``, ``pkgimage.ref...``, ``pkgimage.array...``) are
filled when the method that uses them is attached, because the module that owns them must have begun
to run; objects and values of the interpreter, and functions of the process, when the image is
opened.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import importlib
import marshal
import struct
import sys
from _pickle import Unpickler  # `pickle` would compile regular expressions
from collections.abc import Callable, Collection, Iterable, Iterator
from io import BytesIO
from types import CellType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check import Candidate
    from .protocols import Slotted

_MAGIC = int.from_bytes(b"PKGIMAGE", "little")
_VERSION = 3
_EMPTY_CELL = CellType()
_WORD = 8  # bytes of a pointer
_FRAME = struct.Struct("<QQ")  # codegen.data_object.frame_methods writes it
_LENGTHS = struct.Struct("<QQQ")  # what a method table begins with
METHODS_FORMAT = 6  # capture.assemble writes it
NO_SLOT = (1 << 32) - 1
"""For an environment that no code uses."""


TABLE = struct.Struct("<Q4I11Q")
TABLE_FIELDS = (
    "magic", "version", "n_targets", "n_partitions", "n_slots", "header", "header_size", "slots",
    "entries", "methods", "methods_size", "bitcode", "bitcode_size", "data", "data_size",
    "first_calls",
)  # fmt: skip
"""Of the exported table (codegen.thunks); pointers are numbers."""

_FORMAT = struct.Struct("<QI")


# Names of slots begin with these.
OBJECT = "pkgimage.obj."
VALUE = "pkgimage.value."
REFERENCE = "pkgimage.ref."
ARRAY = "pkgimage.array."
ENVIRONMENT = "_ZN08NumbaEnv"
_WITH_METHOD = (REFERENCE, ARRAY, ENVIRONMENT)

# Offered once Numba's threads were started, which a method that uses them does.
THREADS = frozenset(
    {
        "numba_parallel_for", "do_scheduling_signed", "do_scheduling_unsigned", "allocate_sched",
        "deallocate_sched", "get_num_threads", "set_num_threads", "get_thread_id",
        "set_parallel_chunksize", "get_parallel_chunksize", "get_sched_size",
    }
)  # fmt: skip

# Where the C library's functions are, in order, when they are not in the program itself.
_WINDOWS_LIBRARIES = ("ucrtbase", "vcruntime140", "msvcrt", "kernel32", "ntdll")

# Functions of C99 that Microsoft has by names with an underscore; Numba uses those there.
_MICROSOFTS = frozenset({"hypot", "hypotf", "snprintf"})

# Offsets in CPython's _Py_HashSecret_t. Numba gives its members these names when it imports
# numba.cpython.hashing, which a process that compiles nothing need not do.
_HASH_SECRET = {
    "_numba_hashsecret_siphash_k0": 0,
    "_numba_hashsecret_siphash_k1": 8,
    "_numba_hashsecret_djbx33a_suffix": 16,
}

_SPECIAL_OBJECTS = {"_Py_NoneStruct": None, "_Py_TrueStruct": True, "_Py_FalseStruct": False}

# Of all images: the dispatchers that were given a method, by its key: nearly always one, more than
# that in a list.
_answered: dict[str, object] = {}
_images: list[Image] = []
answer_sources: list[Callable[[], None]] = []
"""What notes the methods that native code has given to dispatchers (`first_calls`)."""


def _note_all() -> None:
    for note in answer_sources:
        note()


def note_answer(key: str, target: object) -> None:
    """A dispatcher has been given a method, with the globals of now; `target` is None for what is
    no dispatcher."""
    known = _answered.setdefault(key, target)
    if known is target:
        return
    if not isinstance(known, list):
        known = _answered[key] = [known]
    if not any(one is target for one in known):
        known.append(target)


def answered() -> Collection[str]:
    """The keys of all methods that were given to a dispatcher, in that order."""
    _note_all()
    return _answered.keys()


def _knows(namespace: dict[str, Any], target: object) -> bool:
    """Whether code of a module may call a dispatcher: it is a global, an attribute of a class, or
    in the closure of another dispatcher."""
    value: Any
    for value in list(namespace.values()):
        if value is target:
            return True
        parts: list[object] = []
        if isinstance(value, type):
            parts = [getattr(item, "__func__", item) for item in vars(value).values()]
        elif type(value).__name__ == "CPUDispatcher":
            cells = value.py_func.__closure__ or ()
            parts = [cell.cell_contents for cell in cells if cell != _EMPTY_CELL]
        if any(part is target for part in parts):
            return True
    return False


class UnboundSlot(LookupError):
    """A name that this process does not offer."""


class ImageError(Exception):
    """The opened library is not the image that its header describes."""


class Opening:
    """What opening an image takes.

    bound: number and name of each slot that waits for no method. target: its CPU target's number;
    spec: and what was asked for it, "" without native code.
    partitions: how many entries each has. encoded: the header's bytes, None where the library is
    known to have them.
    """

    __slots__ = (
        "bound", "encoded", "n_slots", "n_targets", "package", "partitions", "path", "spec",
        "target",
    )  # fmt: skip

    def __init__(
        self, path: str, package: str, n_slots: int, bound: tuple[tuple[int, str], ...],
        partitions: tuple[int, ...], n_targets: int, target: int, spec: str,
        encoded: bytes | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self.package = package
        self.n_slots = n_slots
        self.bound = bound
        self.partitions = partitions
        self.n_targets = n_targets
        self.target = target
        self.spec = spec
        self.encoded = encoded

    @property
    def row(self) -> tuple[Any, ...]:
        """What is remembered of it."""
        return (
            self.path, self.package, self.n_slots, self.bound, self.partitions, self.n_targets,
            self.target, self.spec,
        )  # fmt: skip


def opening_of(candidate: Candidate) -> Opening:
    """Of an image that all checks were made of."""
    header, chosen = candidate.sidecar.header, candidate.selection
    return Opening(
        str(candidate.path), header.package, len(header.slots), tuple(bound_of(header.slots)),
        header.partitions, len(header.targets), chosen.index or 0,
        "" if chosen.index is None else chosen.rows[chosen.index].spec,
        candidate.sidecar.encoded,
    )  # fmt: skip


class Image:
    """An image in this process. Never closed: native code may be on any stack."""

    def __init__(self, opening: Opening, is_right: Callable[[], bool] = lambda: True) -> None:
        """Open a library. Raises ImageError or OSError; nothing has run then.

        is_right: whether what was opened is what should be.
        """
        self.path = opening.path
        self.package = opening.package
        self.bound_slots = opening.bound
        self.target = opening.target
        self.library = ctypes.CDLL(opening.path)
        address = _table_in(self.library)
        magic, version = _FORMAT.unpack(ctypes.string_at(address, _FORMAT.size))
        if (magic, version) != (_MAGIC, _VERSION):
            raise ImageError(f"its table has format {version}, expected {_VERSION}")
        table = TABLE.unpack(ctypes.string_at(address, TABLE.size))
        _, _, n_targets, n_partitions, n_slots, header, header_size, slots, entries = table[:9]
        # Address and size in bytes of each.
        self._methods_place: tuple[int, int] = table[9:11]
        self._bitcode_place: tuple[int, int] = table[11:13]
        self._data_place: tuple[int, int] = table[13:15]
        self.first_calls: int = table[15]
        """Where the state of first calls lies (`codegen.first_calls`)."""
        encoded = opening.encoded
        if encoded is not None and encoded != ctypes.string_at(header, header_size):
            raise ImageError("the header inside it is not the one beside it")
        if (n_slots, n_targets) != (opening.n_slots, opening.n_targets):
            raise ImageError("its table and its header disagree")
        self.slots = (ctypes.c_void_p * n_slots).from_address(slots)
        self.entry_tables: int = entries + opening.target * n_partitions * _WORD
        """Where the addresses of the chosen target's entry tables lie, by partition."""
        self.entries = self._entry_tables(opening.partitions)
        self._slot_names: tuple[str, ...] | None = None
        self._slot_index: dict[str, int] | None = None
        self._data: memoryview | None = None
        self._blobs_start = 0
        self._blob_ends: list[int] = []
        self._methods: dict[str, int] | None = None
        self._keys: list[str] = []
        self._rows: dict[int, dict[str, Any]] = {}
        self.globals_seen: dict[tuple[str, str, str], object] = {}
        self._frame = frame = _memory(*self._methods_place)
        try:
            count, names = _FRAME.unpack_from(frame)
            at_names = _FRAME.size + 4 * count
            self.environment_slots = frame[_FRAME.size : at_names].cast("I")
            """The number of the slot of each environment, by its place in what was captured."""
            self._table = frame[at_names + names :]
            self._lengths = _LENGTHS.unpack_from(self._table)
        except (struct.error, TypeError):
            raise ImageError("its method table is cut off") from None
        if not is_right():
            raise ImageError("another library has taken its place")
        _images.append(self)

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The name of each slot. Read when it is first asked for: environments' names are long, and
        first calls know them by their numbers."""
        if self._slot_names is None:
            count, size = _FRAME.unpack_from(self._frame)
            at = _FRAME.size + 4 * count
            names = bytes(self._frame[at : at + size]).decode()
            self._slot_names = tuple(names.split("\0")) if names else ()
        return self._slot_names

    @property
    def slot_index(self) -> dict[str, int]:
        """The number of each slot by its name."""
        if self._slot_index is None:
            self._slot_index = {name: index for index, name in enumerate(self.slot_names)}
        return self._slot_index

    @property
    def starts(self) -> tuple[dict[str, dict[str, int]], tuple[Any, ...], memoryview]:
        """What plain functions are answered from (capture.assemble): where that of each lies, by
        module and qualified name, what specs there are, and the bytes that it lies in. Raises
        ImageError."""
        data, (first, second, third) = self._table, self._lengths
        at = _LENGTHS.size + first
        index = marshal.loads(data[_LENGTHS.size : at])
        if index.get("format") != METHODS_FORMAT:
            raise ImageError(
                f"its method table has format {index.get('format')}, expected {METHODS_FORMAT}"
            )
        at += second
        return index["functions"], index["specs"], data[at : at + third]

    @property
    def methods(self) -> dict[str, int]:
        """The byte string with the row of each method, by the method's key. Raises ImageError.

        Read when it is first asked for: restored functions do without. Rows are left as bytes, for
        a thousand parsed ones would set off Python's garbage collector: 30 ms when Numba
        is loaded.
        """
        if self._methods is None:
            data, (first, second, third) = self._table, self._lengths
            at = _LENGTHS.size + first
            self._blobs_start = at + second + third
            index = marshal.loads(data[at : at + second])
            self._blob_ends = index["blobs"]
            self._methods = index["methods"]
        return self._methods

    def key(self, number: int) -> str:
        """The key of a method by its number in the table."""
        if not self._keys:
            self._keys = list(self.methods)
        return self._keys[number]

    @property
    def data(self) -> memoryview:
        """The package's data (model.package_data), in place: each process has its own copy of the
        pages that it writes to. Empty where the image restores nothing."""
        if self._data is None:
            self._data = _memory(*self._data_place)
        return self._data

    def _entry_tables(self, partitions: tuple[int, ...]) -> list[Any]:
        if not partitions:
            return []
        tables = (ctypes.c_void_p * len(partitions)).from_address(self.entry_tables)
        return [
            (ctypes.c_void_p * max(length, 1)).from_address(table)
            for table, length in zip(tables, partitions, strict=True)
        ]

    def entry(self, partition: int, position: int) -> int:
        """Address of an entry's clone for the chosen CPU target."""
        address = self.entries[partition][position]
        if not address:
            raise ImageError(f"entry {position} of partition {partition} is empty")
        return int(address)

    def blob(self, index: int) -> bytes:
        """A byte string of the method table."""
        return bytes(self._blob(index))

    def _blob(self, index: int) -> memoryview:
        start = self._blobs_start + (self._blob_ends[index - 1] if index else 0)
        return self._table[start : self._blobs_start + self._blob_ends[index]]

    def row(self, key: str) -> dict[str, Any] | None:
        """What the image says of a method (capture.collect), None when it has no such method."""
        index = self.methods.get(key)
        if index is None:
            return None
        if index not in self._rows:
            self._rows[index] = marshal.loads(self._blob(index))
        return self._rows[index]

    def was_frozen(self, key: str, target: object) -> bool:
        """Whether Numba would have compiled a method of the dispatcher `target` by now: an image
        has given it to this dispatcher before, or has answered a caller that it was compiled for.
        The globals of then count, whatever they are now. Not without a dispatcher (None): Numba
        compiles a stencil whenever it is called."""
        if target is None:
            return False
        _note_all()
        known = _answered.get(key)
        if any(one is target for one in (known if isinstance(known, list) else [known])):
            return True
        row = self.row(key)
        module = sys.modules.get(row["module"]) if row else None
        if module is None or not _knows(vars(module), target):
            return False  # another dispatcher of the same function than callers know
        # Packages that use it have it in their images too, with callers of their own.
        return any(caller in _answered for image in _images for caller in image.callers(key))

    def callers(self, key: str) -> list[str]:
        """The keys of the methods that this image knows to compile a method for themselves."""
        row = self.row(key)
        return [self.key(number) for number in row["callers"]] if row else []

    def slot_addresses(self) -> Iterator[tuple[str, int]]:
        """Where each slot lies in memory, by name."""
        for index, name in enumerate(self.slot_names):
            yield name, ctypes.addressof(self.slots) + index * ctypes.sizeof(ctypes.c_void_p)

    def group(self, row: dict[str, Any]) -> None:
        """Which methods share a code library: all."""

    def bitcode(self, group: None = None) -> list[bytes]:
        """The LLVM bitcode of each partition, for JIT code that calls into the image."""
        import zlib

        data = ctypes.string_at(*self._bitcode_place)
        (count,) = struct.unpack_from("<I", data)
        position = 4 + 16 * count
        modules = []
        for index in range(count):
            size, raw = struct.unpack_from("<QQ", data, 4 + 16 * index)
            module = zlib.decompress(data[position : position + size])
            if len(module) != raw:
                raise ImageError(f"bitcode of partition {index} is damaged")
            modules.append(module)
            position += size
        return modules


def bound_of(slots: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Number and name of those of all slots that wait for no method."""
    return (slot for slot in enumerate(slots) if not slot[1].startswith(_WITH_METHOD))


def fill_slots(image: Slotted, address_of: Callable[[str], int | None]) -> list[tuple[int, str]]:
    """Fill all slots that do not wait for a method; return those that nobody offers yet.

    `address_of` gives the address of a function or variable of the process by its C name.
    """
    missing = []
    for index, name in image.bound_slots:
        value = _value(name, address_of)
        if value is None:
            missing.append((index, name))
        else:
            image.slots[index] = value
    return missing


def _value(name: str, address_of: Callable[[str], int | None]) -> int | None:
    if name.startswith(OBJECT):
        return id(_object(name.removeprefix(OBJECT)))
    if name.startswith(VALUE):
        address = address_of(name.removeprefix(VALUE))
        return None if address is None else ctypes.c_uint64.from_address(address).value
    return address_of(name)


def _object(name: str) -> object:
    if name in _SPECIAL_OBJECTS:
        return _SPECIAL_OBJECTS[name]
    try:
        return getattr(builtins, name.removeprefix("PyExc_"))
    except AttributeError:
        raise UnboundSlot(name) from None


def process_address(name: str) -> int | None:
    """The address of a function or variable that this process exports by its C name, or None."""
    if name in _HASH_SECRET:
        secret = process_address("_Py_HashSecret")
        return None if secret is None else secret + _HASH_SECRET[name]
    return _exported()(name)


@functools.cache
def _exported() -> Callable[[str], int | None]:
    """What looks a name up."""
    if sys.platform == "win32":
        return _exported_on_windows
    import _ctypes

    look_up, program = _ctypes.dlsym, ctypes.pythonapi._handle  # ten times as quick as `in_dll`

    def exported(name: str) -> int | None:
        try:
            return look_up(program, name)
        except OSError:
            return None

    return exported


def _exported_on_windows(name: str) -> int | None:
    libraries: list[ctypes.CDLL] = _windows_libraries()
    if name.startswith(("Py", "_Py")):
        libraries = [ctypes.pythonapi, *libraries]
    for known in (name, f"_{name}") if name in _MICROSOFTS else (name,):
        for library in libraries:
            try:
                return ctypes.addressof(ctypes.c_char.in_dll(library, known))
            except ValueError:
                continue
    return None


@functools.cache
def _windows_libraries() -> list[Any]:
    found = []
    for name in _WINDOWS_LIBRARIES:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found


def _table_in(library: ctypes.CDLL) -> int:
    """Where the exported table lies. Raises ImageError."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(library, "pkgimage"))
    except ValueError:
        raise ImageError("it exports no symbol 'pkgimage'") from None


def _memory(address: int, size: int) -> memoryview:
    """Memory of the library as bytes, writable where its pages are."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


class _Unpickler(Unpickler):
    """Reads what `capture.numba_bridge.dumps` wrote."""

    def persistent_load(self, reference: tuple[str, str, str]) -> Any:
        kind, module, qualname = reference
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
        return {"py_func": lambda: found.py_func, "jitclass": lambda: found.class_type}.get(
            kind, lambda: found
        )()


def loads(data: bytes) -> Any:
    """The constants of compiled functions: pickles that name what modules hold. Raises whatever
    unpickling raises."""
    return _Unpickler(BytesIO(data)).load()
