"""One opened image: the exported table, its slots and entries, and where the rest lies.

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
import importlib
import marshal
import struct
import sys
from _pickle import Unpickler  # `pickle` would compile regular expressions
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .methods import Methods
    from .protocols import Slotted

_MAGIC = int.from_bytes(b"PKGIMAGE", "little")
_VERSION = 3
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
WITH_METHOD = (REFERENCE, ARRAY, ENVIRONMENT)
"""Those that wait for a method."""

# Offered once Numba's threads were started, which a method that uses them does.
THREADS = frozenset(
    {
        "numba_parallel_for", "do_scheduling_signed", "do_scheduling_unsigned", "allocate_sched",
        "deallocate_sched", "get_num_threads", "set_num_threads", "get_thread_id",
        "set_parallel_chunksize", "get_parallel_chunksize", "get_sched_size",
    }
)  # fmt: skip

# Offsets in CPython's _Py_HashSecret_t. Numba gives its members these names when it imports
# numba.cpython.hashing, which a process that compiles nothing need not do.
_HASH_SECRET = {
    "_numba_hashsecret_siphash_k0": 0,
    "_numba_hashsecret_siphash_k1": 8,
    "_numba_hashsecret_djbx33a_suffix": 16,
}

_SPECIAL_OBJECTS = {"_Py_NoneStruct": None, "_Py_TrueStruct": True, "_Py_FalseStruct": False}

opened: list[Image] = []
answer_sources: list[Callable[[], None]] = []
"""What notes the methods that native code has given to dispatchers (`methods.note_answer`)."""


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


class Image:
    """An image in this process. Never closed: native code may be on any stack."""

    def __init__(self, opening: Opening, is_right: Callable[[], bool] | None = None) -> None:
        """Open a library. Raises ImageError or OSError; nothing has run then.

        is_right: whether what was opened is what should be.
        """
        self.path = opening.path
        self.package = opening.package
        self.bound_slots = opening.bound
        self.target = opening.target
        address = _table_in(opening.path)
        magic, version = _FORMAT.unpack(ctypes.string_at(address, _FORMAT.size))
        if (magic, version) != (_MAGIC, _VERSION):
            raise ImageError(f"its table has format {version}, expected {_VERSION}")
        table = TABLE.unpack(ctypes.string_at(address, TABLE.size))
        _, _, n_targets, n_partitions, n_slots, header, header_size, slots, entries = table[:9]
        # Address and size in bytes of each.
        self._methods_place: tuple[int, int] = table[9:11]
        self.bitcode_place: tuple[int, int] = table[11:13]
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
        self._data: memoryview | None = None
        self._methods: Methods | None = None
        self._frame = frame = _memory(*self._methods_place)
        try:
            count, names = _FRAME.unpack_from(frame)
            at_names = _FRAME.size + 4 * count
            self.environment_slots = frame[_FRAME.size : at_names].cast("I")
            """The number of the slot of each environment, by its place in what was captured."""
            self.table = frame[at_names + names :]
            """The method table (capture.assemble), and the sizes of its parts in bytes."""
            self.lengths = _LENGTHS.unpack_from(self.table)
        except (struct.error, TypeError):
            raise ImageError("its method table is cut off") from None
        if is_right is not None and not is_right():
            raise ImageError("another library has taken its place")
        opened.append(self)

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
    def starts(self) -> tuple[dict[str, dict[str, int]], tuple[Any, ...], memoryview]:
        """What plain functions are answered from (capture.assemble): where that of each lies, by
        module and qualified name, what specs there are, and the bytes that it lies in. Raises
        ImageError."""
        data, (first, second, third) = self.table, self.lengths
        at = _LENGTHS.size + first
        try:
            index = marshal.loads(data[_LENGTHS.size : at])
            found = index["format"]
        except (EOFError, KeyError, TypeError, ValueError):
            raise ImageError("its method table is damaged") from None
        if found != METHODS_FORMAT:
            raise ImageError(f"its method table has format {found}, expected {METHODS_FORMAT}")
        at += second
        return index["functions"], index["specs"], data[at : at + third]

    @property
    def methods(self) -> Methods:
        """What the image says of its methods, for who asks by name."""
        if self._methods is None:
            from .methods import Methods

            self._methods = Methods(self, _LENGTHS.size)
        return self._methods

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


def fill_slots(image: Slotted, address_of: Callable[[str], int | None]) -> list[tuple[int, str]]:
    """Fill all slots that do not wait for a method; return those that nobody offers yet.

    `address_of` gives the address of a function or variable of the process by its C name.
    """
    missing = []
    for index, name in image.bound_slots:
        value = value_of(name, address_of)
        if value is None:
            missing.append((index, name))
        else:
            image.slots[index] = value
    return missing


def value_of(name: str, address_of: Callable[[str], int | None]) -> int | None:
    """What a slot that waits for no method holds, None for what nobody offers yet. Raises
    UnboundSlot for an object that this Python has not."""
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
    global _exported
    if _exported is None:
        _exported = _exports()
    return _exported(name)


_exported: Callable[[str], int | None] | None = None


def _exports() -> Callable[[str], int | None]:
    """What looks a name up."""
    if sys.platform == "win32":
        from .windows_exports import address_of

        return address_of
    import _ctypes

    look_up, program = _ctypes.dlsym, ctypes.pythonapi._handle  # ten times as quick as `in_dll`

    def exported(name: str) -> int | None:
        try:
            return look_up(program, name)
        except OSError:
            return None

    return exported


def _table_in(path: str) -> int:
    """Open a library; where its exported table lies. Raises ImageError and OSError."""
    try:
        if sys.platform == "win32":
            library = ctypes.CDLL(path)
            return ctypes.addressof(ctypes.c_char.in_dll(library, "pkgimage"))
        import _ctypes

        # As ctypes.CDLL opens it, which makes a class for its functions besides.
        handle = _ctypes.dlopen(path, ctypes.DEFAULT_MODE)
        try:
            return int(_ctypes.dlsym(handle, "pkgimage"))
        except OSError:
            raise ValueError from None
    except ValueError:
        raise ImageError("it exports no symbol 'pkgimage'") from None


def _memory(address: int, size: int) -> memoryview:
    """Memory of the library as bytes, writable where its pages are."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


class _Unpickler(Unpickler):
    """Reads what `capture.numba_references.dumps` wrote."""

    def persistent_load(self, reference: tuple[str, str, str]) -> Any:
        kind, module, qualname = reference
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
        if kind == "py_func":
            return found.py_func
        return found.class_type if kind == "jitclass" else found


def loads(data: bytes) -> Any:
    """The constants of compiled functions: pickles that name what modules hold. Raises whatever
    unpickling raises."""
    return _Unpickler(BytesIO(data)).load()
