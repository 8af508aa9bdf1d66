"""Restored packages: modules whose source does not run.

What they hold comes from the data of an image (`objects`), their compiled functions from its code
(`dispatchers`).
"""

from __future__ import annotations

import importlib
import marshal
import sys
from _thread import RLock, get_ident
from collections.abc import Callable
from importlib.machinery import PathFinder
from types import FunctionType, ModuleType
from typing import Any

from ..model.package_data import (
    CALLABLE,
    PARALLEL,
    DataError,
    PackageData,
    RestoredModule,
    decode,
    is_of_numba,
)
from . import dispatchers, lazy, note
from .dispatchers import FIRST_START, START, CannotInstall, Function, NeedsNumba
from .first_calls import FirstCalls
from .image import ARRAY, NO_SLOT, THREADS, Image, ImageError, fill_slots, loads
from .numba_extensions import Extensions, Unavailable, loaded, numba_is_there
from .objects import rebuild


class CannotRestore(Exception):
    """A module's source has to run after all; the message says why."""


class _Unfinished:
    """What has been made for a module that is being restored, and waits for the rest of it."""

    def __init__(self) -> None:
        self.made: list[Function] = []  # whose dispatchers know no Numba
        self.dispatchers: list[tuple[Any, Function]] = []  # that will be Numba's own
        self.callables: list[tuple[Any, Any]] = []
        self.parallel: list[tuple[Any, Any]] = []
        self.closures: list[Function] = []  # functions whose closures are not noted yet


class RestoredPackage:
    """An open image that holds modules."""

    def __init__(self, image: Image, report: Callable[[str, str], None]) -> None:
        """`report` is told (function, reason) when the image's code does not fit this process.
        Raises image.ImageError."""
        self.image = image
        self.report = report
        try:
            self.data: PackageData = decode(image.data)
        except DataError as error:
            raise ImageError(str(error)) from None
        self.modules = {module.name: module for module in self.data.modules}
        self.shared: dict[str, list[Any]] = {}
        self.values: dict[str, dict[str, Any]] = {}  # what each module held when it was restored
        self.first_calls: FirstCalls | None = None
        self._answered = 0  # otherwise than by first calls
        self._unfinished: dict[int, list[_Unfinished]] = {}  # by thread, innermost module last
        self._heads: dict[str, list[Any]] = {}
        self._looked_at: dict[str, list[Any]] = {}  # before first calls, by module and number
        self._environments: dict[str, Any] = {}
        # Environments by their namespaces and constants, and what these are once they are read.
        self._plain: dict[tuple[int, bytes | None], Any] = {}
        self._constants: dict[bytes, list[Any]] = {}
        self._same: dict[tuple[str, str, str], Any] = {}
        self._threads = False
        self._alive = (self,)  # for what every compiled function keeps alive
        self._lock = RLock()  # nothing else is waited for under it

    def start(self, native: Extensions) -> bool:
        """Fill the slots that wait for no method; whether that can be done without Numba.

        Raises image.UnboundSlot for an object that this Python has not.
        """
        missing = fill_slots(self.image, native.address_of)
        if not all(name in THREADS for _, name in missing):
            return False
        data = self.data
        self.first_calls = FirstCalls(self.image, native, data.n_starts, data.specs, self._resolve)
        hide = self.first_calls.untrack
        for module in data.modules:
            hide(*module.containers())
        return True

    @property
    def answered(self) -> int:
        """How many specialisations were given to their functions, or called."""
        return self._answered + len(self.first_calls.started if self.first_calls else ())

    # -- modules -------------------------------------------------------------------------------

    def run(self, module: ModuleType) -> None:
        """Fill a module with what its source left in it at build.

        Raises CannotRestore; the module is as it was then. What a module's `__pkgimage_init__`
        raises is the package's.
        """
        name = module.__name__
        record = self.modules[name]
        namespace = vars(module)
        before = dict(namespace)
        unfinished = self._unfinished.setdefault(get_ident(), [])
        found = _Unfinished()
        unfinished.append(found)
        try:
            if numba_is_there():
                dispatchers.wait_for_numba()
            config = sys.modules.get("numba.core.config")
            if config is not None and getattr(config, "DISABLE_JIT", False):
                # By the program: a session whose environment says so has no images.
                raise CannotRestore("Numba's decorators are switched off in this process")
            self._check_absent(record)
            if record.functions[1]:
                self._import_numba_for_threads(name)
            for imported in record.imports:
                if imported not in sys.modules:
                    importlib.import_module(imported)
            self._check_changed(record)
            data = self.image.data
            start, size = record.pickle
            self.shared[name] = rebuild(
                namespace, name, data[start : start + size], self._buffers(record), self._special,
                self._shared_of,
            )  # fmt: skip
            self._finish(found)
            self.values[name] = dict(namespace)
            self._put_lazy(record, namespace)
            if self.first_calls is not None:
                self._prepare(self.first_calls, found.made, name, namespace)
                self.first_calls.untrack(self.values[name], self.shared[name])
        except BaseException as error:  # an interrupt as well: nothing of this module may stay
            self.shared.pop(name, None)
            self.values.pop(name, None)
            namespace.clear()
            namespace.update(before)
            if isinstance(error, CannotRestore) or not isinstance(error, Exception):
                raise
            raise CannotRestore(f"{type(error).__name__}: {error}") from error
        finally:
            unfinished.pop()
        note("restored", module=name)
        initialise = namespace.get("__pkgimage_init__")
        if initialise is not None:
            initialise()

    def _import_numba_for_threads(self, module: str) -> None:
        """Import Numba where a setting says which threads there are, and functions of a module that
        is about to be restored take them for granted."""
        heads = self._heads.get(module) or self._read_heads(module)
        for head in heads:
            if head[0] == PARALLEL:
                break
        else:
            return
        native = dispatchers.native_extensions()
        try:
            if native is None:
                raise NeedsNumba
            self.start_threads(native)
        except NeedsNumba:
            dispatchers.wait_for_numba()

    @staticmethod
    def _check_absent(record: RestoredModule) -> None:
        for name in record.absent:
            if name in sys.modules or PathFinder.find_spec(name) is not None:
                raise CannotRestore(f"expected no module {name}, which was not there at build")

    def _check_changed(self, record: RestoredModule) -> None:
        """Raises CannotInstall where a program has changed what the source would compile in."""
        for item in record.frozen:
            owner = item[0]
            being_restored = owner in self.modules and owner not in self.values
            if owner in sys.modules and not being_restored:
                self._check_frozen((item,))

    def _buffers(self, record: RestoredModule) -> list[memoryview]:
        found = []
        for number in record.buffers:
            offset, size, readonly = self.data.buffers[number]
            memory = self.image.data[offset : offset + size]
            found.append(memory.toreadonly() if readonly else memory)
        return found

    def _shared_of(self, module: str) -> list[Any]:
        if module not in self.shared:
            importlib.import_module(module)
        try:
            return self.shared[module]
        except KeyError:
            raise CannotRestore(f"module {module} ran from its source") from None

    def _put_lazy(self, record: RestoredModule, namespace: dict[str, Any]) -> None:
        kept = self.values[record.name]
        for name, module, qualname in record.lazy:
            lazy.put(namespace, kept, name, lazy.Lazy(module, qualname))
        if record.lazy and dispatchers.native_extensions() is None:
            lazy.resolve_all()

    @property
    def unfinished(self) -> _Unfinished:
        """Of the module that this thread is restoring: others are none of its business."""
        return self._unfinished[get_ident()][-1]

    def _finish(self, unfinished: _Unfinished) -> None:
        """Dispatchers that were made while Numba is there, now that they have all their parts, and
        what uses the module's objects."""
        for function in unfinished.closures:
            function.closed = _contents(function)
        waiting, others = unfinished.dispatchers, unfinished.callables
        if waiting or others:
            dispatchers.wait_for_numba()
            from .numba_restored import give_classes, give_specialisations

            give_classes(waiting)
            if others:
                from . import numba_callables

                numba_callables.give_classes(others)
            give_specialisations(waiting)
            if others:
                numba_callables.give_specialisations(others)
        if unfinished.parallel:
            from . import parallel

            parallel.finish(self, unfinished.parallel, dispatchers.native_extensions())

    def _special(self, first: Any, *rest: Any) -> Any:
        """What a pickle calls for what only the loader understands: a dispatcher, its function,
        (dispatcher, parts) to be set, or what else Numba makes of functions."""
        if type(first) is str and first == "dispatcher":
            module, index, defaults = rest
            heads = self._heads.get(module) or self._read_heads(module)
            function = Function(self, module, heads[index], defaults)
            made = dispatchers.make(function)
            if dispatchers.is_dispatcher(type(made)):
                self.unfinished.made.append(function)
            return made
        if type(first) is str and first == "py_func":
            return dispatchers.py_func_of(*rest)
        if type(first) is str and first == CALLABLE:
            from . import callables

            module, index, py_func = rest
            heads = self._heads.get(module) or self._read_heads(module)
            return callables.make(self, module, heads[index], py_func)
        dispatchers.set_parts(first, *rest)
        if dispatchers.is_dispatcher(type(first)) and first._pkgimage_function.parts[1]:
            self.unfinished.closures.append(first._pkgimage_function)
        return None

    # -- functions -----------------------------------------------------------------------------

    def _read_heads(self, module: str) -> list[Any]:
        """What the table says of each function of a module: see `dispatchers.Function`."""
        start, size = self.modules[module].functions
        heads, looked_at = marshal.loads(self.image.data[start : start + size])
        if self.first_calls is not None:
            # Nothing but what the garbage collector knows may be hidden from it.
            names = [head[2] for head in heads if len(head) > 2 and type(head[2]) is tuple]
            self.first_calls.untrack(heads, *heads, *names, looked_at, *looked_at)
        self._looked_at[module] = looked_at
        self._heads[module] = heads
        return heads  # type: ignore[no-any-return]

    def details(self, module: str, at: int) -> Any:
        """A part of what is read of few functions."""
        start, size = self.modules[module].details
        return marshal.loads(self.image.data[start + at : start + size])

    def _prepare(self, calls: FirstCalls, made: list[Function], name: str, namespace: Any) -> None:
        """Give the dispatchers that a module has brought what the image has for them."""
        native = dispatchers.native_extensions()
        if native is None:
            return
        counts = []
        for function in made:
            if function.module == name:
                function.namespace = namespace
            counts.append((function, (len(function.head) - FIRST_START) // START))
        if not calls.reserve(counts):
            return
        slots, environment_slots = self.image.slots, self.image.environment_slots
        known: dict[int, tuple[int, tuple[Any, ...]] | None] = {}
        for function, count in counts:
            # What a closure holds, and what a module holds that is not there yet, has to be asked.
            is_plain = function.module == name and function.parts[1] is None
            head, at = function.head, FIRST_START
            for place in range(function.first, function.first + count):
                kind, partition, position, own, number = head[at + 1 : at + START]
                at += START
                row = (
                    function.dispatcher, function, calls.codes[kind], place, partition, position
                )  # fmt: skip
                needed = None
                if is_plain and number is not None:
                    if number not in known:
                        known[number] = self._needed(number, name, namespace, native)
                    needed = known[number]
                if needed is None:
                    calls.add(*row)
                    continue
                environment, checks = needed
                slot = environment_slots[own]
                if slot != NO_SLOT:
                    slots[slot] = environment
                calls.add(*row, checks)

    def _needed(
        self, number: int, name: str, namespace: Any, native: Extensions
    ) -> tuple[int, tuple[Any, ...]] | None:
        """Of functions that are looked at alike before their first calls, the address of their
        environment; and (namespace, name, value) of each global, in a row: what they have to be
        then. None where that can't be told by identity."""
        found: list[Any] = []
        parts = iter(self._looked_at[name][number])
        constants = next(parts)
        for owner, attribute in zip(parts, parts, strict=True):
            if owner == name:
                values = where = namespace
            else:
                values = self.values.get(owner, {})
                where = getattr(sys.modules.get(owner), "__dict__", None)
            value = values.get(attribute, _NOTHING)
            if type(where) is not dict:
                return None
            if dispatchers.is_dispatcher(type(value)):
                if value._pkgimage_function.closed:
                    return None
            elif not _is_constant(value):
                return None
            found += (where, attribute, value)
        if constants is not None and constants not in self._constants:
            self._constants[constants] = loads(constants)
        return id(self._shared_environment(namespace, constants, native)), tuple(found)

    def _shared_environment(
        self, namespace: Any, constants: bytes | None, native: Extensions
    ) -> Any:
        """One for all functions of a namespace that have these constants, which have been read:
        code only reads it."""
        key = id(namespace), constants
        environment = self._plain.get(key)
        if environment is None:
            environment = native.functions.Environment(namespace)
            if constants is not None:
                environment.consts.extend(self._constants[constants])
            # Which keeps the namespace; both threads of two get the same one.
            environment = self._plain.setdefault(key, environment)
        return environment

    def _resolve(self, number: int, args: tuple[Any, ...]) -> Any:
        """What shall be called instead of a specialisation that cannot start by itself."""
        calls = self.first_calls
        assert calls is not None
        function = calls.functions[number]
        found = function.dispatcher
        _, row, key, _ = function.method_of(number)
        native = loaded()
        assert native is not None
        if dispatchers.has_large(args):
            other = dispatchers.answer_instead(found, function, args, number, native)
            if other is not None:
                return other
        try:
            # Or Numba would have compiled it with what the closure held then.
            if _has_kept_closure(found) or self.image.methods.was_frozen(key, found):
                address = self._run_ready(row, key, found, native)
                if dispatchers.is_dispatcher(type(found)):  # else constants have imported Numba
                    return calls.start(number, address)
        except CannotInstall as error:
            self.report(f"{function.module}.{function.head[1]}", str(error))
        except NeedsNumba:
            pass
        return dispatchers.by_numba(found, function)

    def install(
        self, row: tuple[Any, ...], key: str, target: object, native: Extensions, name: str
    ) -> Any:
        """The C function of a specialisation, for what is no dispatcher.

        Raises CannotInstall and NeedsNumba.
        """
        address = self.ready(row, key, target, native)
        qualname, module = row[6:]
        return native.functions.make_function(
            sys.modules.get(module) or ModuleType(module),  # a stencil's code is in none
            name,
            f"compiled wrapper for {qualname!r}",
            address,
            self._environments[row[1]],
            self._alive,
        )

    def ready(self, row: tuple[Any, ...], key: str, target: object, native: Extensions) -> int:
        """The address of an entry whose code may run now. `target`: what it is given to.

        Raises CannotInstall and NeedsNumba.
        """
        address = self._run_ready(row, key, target, native)
        self._answered += 1
        from .methods import note_answer

        note_answer(key, target)
        return address

    def _run_ready(self, row: tuple[Any, ...], key: str, target: object, native: Extensions) -> int:
        """The same for what is noted later."""
        place, _, environments, references, frozen, threads, _, _ = row
        if frozen:
            try:
                self._check_frozen(frozen, dispatchers.function_of(target))
            except CannotInstall:
                if not self.image.methods.was_frozen(key, target):
                    raise
        if threads:
            self.start_threads(native)
        filled = self._environments
        for slot, namespace, constants in environments:
            if slot not in filled:
                self._fill_environment(slot, namespace, constants, native)
        for slot in references:
            self._fill_reference(slot)
        return self.image.entry(*place)

    def _fill_environment(
        self, slot: str, module: str | None, constants: bytes | None, native: Extensions
    ) -> None:
        namespace: dict[str, Any] = {}
        found = None if module is None else sys.modules.get(module)
        if found is not None:
            namespace = found.__dict__
        elif module is not None and not is_of_numba(module):
            # Only code in object mode looks at its globals, and Numba has none in its own modules.
            namespace = importlib.import_module(module).__dict__
        if constants is None or constants in self._constants:
            environment = self._shared_environment(namespace, constants, native)
        else:
            environment = native.functions.Environment(namespace)
            environment.consts.extend(loads(constants))
        index = self.image.methods.slot_index.get(slot)
        with self._lock:
            # Another thread may have been quicker; code and wrapper must see the same one. Known
            # comes after filled: who sees that it is known goes on to run the code.
            if slot not in self._environments:
                if index is not None:
                    self.image.slots[index] = id(environment)
                self._environments[slot] = environment

    def _fill_reference(self, slot: str) -> None:
        index = self.image.methods.slot_index.get(slot)
        if index is None:
            return
        prefix, module, attribute, *shape = slot.split(":")
        namespace = vars(sys.modules[module]) if module in sys.modules else {}
        if attribute not in namespace:
            raise CannotInstall(f"expected {module}.{attribute}, found none")
        value = namespace[attribute]
        address = id(value)
        if prefix.endswith("function"):
            from .callables import c_address

            address = c_address(value)
        if prefix.startswith(ARRAY):
            from ..model.method_key import array_shape

            found = array_shape(value) if hasattr(value, "__array_interface__") else "none"
            if found != ":".join(shape):
                raise CannotInstall(f"expected {module}.{attribute} {shape}, found {found}")
            if prefix.endswith("data"):
                address = value.__array_interface__["data"][0]
        known = self._environments.setdefault(slot, (address, value))
        if known[0] != address:
            raise CannotInstall(f"expected {slot}, found another object than at first")
        self.image.slots[index] = address

    def start_threads(self, native: Extensions) -> None:
        if self._threads:
            return
        try:
            addresses = native.launch_threads()
        except Unavailable:
            raise NeedsNumba from None
        for name, address in addresses.items():
            index = self.image.methods.slot_index.get(name)
            if index is not None:
                self.image.slots[index] = address
        self._threads = True

    def _check_frozen(
        self, frozen: tuple[tuple[str, str, str], ...], function: Function | None = None
    ) -> None:
        """Raises CannotInstall for a global that is not what the code was compiled with.

        function: the dispatcher's part of the image that the code is for, if it is for one.
        """
        for key in frozen:
            module, name, digest = key
            if module not in sys.modules and is_of_numba(module):
                # What Numba's own modules hold belongs to its version, but for what it asks of the
                # system (capture.numba_globals).
                if name == "IS_WIN32":
                    self._compare(module, name, digest, sys.platform == "win32")
                continue
            if module not in sys.modules and module not in self.modules:
                raise NeedsNumba  # which may import it, as an installed extension
            namespace = sys.modules[module].__dict__ if module in sys.modules else {}
            if function is not None and module == function.module and function.namespace:
                namespace = function.namespace  # another module may have taken its name
            try:
                value = namespace[name] if name in namespace else getattr(sys.modules[module], name)
            except (AttributeError, KeyError):
                raise CannotInstall(f"expected the global {module}.{name}, found none") from None
            known = self._same.get(key, _NOTHING)
            if known is value:
                continue
            restored = self.values.get(module, {}).get(name, _NOTHING)
            constant = _is_constant(value)
            if restored is not value or not constant:
                self._compare(module, name, digest, value)
            if dispatchers.is_dispatcher(type(value)) and value._pkgimage_function.closed:
                if not _has_kept_closure(value):
                    raise CannotInstall(f"expected {module}.{name} as at build, found another one")
            elif constant:
                self._same[key] = value

    @staticmethod
    def _compare(module: str, name: str, digest: str, value: object) -> None:
        from ..model.method_key import global_text, short_digest

        if short_digest(global_text(value).encode()) != digest:
            raise CannotInstall(f"expected {module}.{name} as at build, found another value")


def _contents(function: Function) -> tuple[tuple[Any, object, tuple[str, ...]], ...]:
    """Of each cell of a closure what it holds, and digests of the arrays in that: what is in a
    closure is compiled in at the first call, and may be something else by then."""
    found = []
    for cell in function.parts[1]:
        content = _content(cell)
        found.append((cell, content, _digests(content)))
    return tuple(found)


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return _NOTHING


def _digests(content: Any) -> tuple[str, ...]:
    if isinstance(content, tuple):
        return tuple([digest for item in content for digest in _digests(item)])
    # No image holds code for a larger one, as it has no name.
    if (
        dispatchers.is_restored(type(content))
        or not hasattr(content, "__array_interface__")
        or content.nbytes > _LARGEST_FROZEN
    ):
        return ()
    from ..model.method_key import short_digest

    return (short_digest(content.tobytes()),)


def _has_kept_closure(target: Any, seen: tuple[object, ...] = ()) -> bool:
    """Whether the closure of a restored dispatcher, and those of the dispatchers in it, are as they
    were restored."""
    function = dispatchers.function_of(target)
    if function is None or not function.closed or any(target is one for one in seen):
        return True
    for cell, content, digests in function.closed:
        if _content(cell) is not content or (digests and _digests(content) != digests):
            return False
        for item in content if type(content) is tuple else (content,):
            is_other = dispatchers.is_dispatcher(type(item)) and item is not target
            if is_other and not _has_kept_closure(item, (*seen, target)):
                return False
    return True


_LARGEST_FROZEN = 10**6  # bytes, capture.numba_globals.LARGE_ARRAY_BYTES
_NOTHING = object()
_CONSTANTS = (
    bool, int, float, complex, str, bytes, type(None), type, ModuleType, FunctionType, type(len),
)  # fmt: skip


_SURELY_CONSTANT = frozenset(_CONSTANTS) - {type}


def _is_constant(value: object) -> bool:
    """Whether the same object means the same code, whatever has happened to it since."""
    kind = type(value)
    return (
        kind in _SURELY_CONSTANT
        or isinstance(value, _CONSTANTS)
        or dispatchers.is_restored(kind)
        or kind is lazy.Lazy
        or (kind.__name__ == "ufunc" and kind.__module__ == "numpy")
    )
